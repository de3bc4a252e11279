"""Standard MIDI files, written and read: notes, and the pedals where they are asked for.

What is read of a file are notes, programs, control changes and tempi, not pitch bends or words.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError, DataError
from typica.score.controls import Controls, Performance
from typica.score.midi_compiled import read_compiled
from typica.score.midi_events import Events, read_events
from typica.score.notes import Note, Notes

_OFF, _ON, _CONTROL, _PROGRAM = 0x80, 0x90, 0xB0, 0xC0


def encode_midi(
    notes: Notes,
    *,
    quarters_per_minute: float = 120.0,
    ticks_per_quarter: int = 960,
    controls: Mapping[int, int] | None = None,
    changes: Controls | None = None,
    rest_s: float = 0.0,
) -> bytes:
    """Write notes as a standard MIDI file of format 0; equal notes give equal bytes.

    MIDI cannot hold one pitch twice at a time in one channel: where two overlap, the first ends as
    the second begins, and of two that begin together the longer is kept. A note shorter than a tick
    lasts one tick.

    Args:
        notes: What to write, in any order.
        quarters_per_minute: The tempo; with its own, the times of a score fall on whole ticks.
        ticks_per_quarter: Resolution: times are rounded to a tick.
        controls: Values of MIDI controllers by number, set at the beginning of each channel used.
        changes: Controls that change on the way, such as pedals; at one tick they come first.
        rest_s: Silence between the last release and the end of the file.

    Raises:
        ConfigError: A setting is none that a MIDI file can tell.
        DataError: A pause is longer than it can tell: 38 hours at the usual tempo.
    """
    _check_settings(quarters_per_minute, ticks_per_quarter, controls or {}, rest_s)
    tempo_us = round(60e6 / quarters_per_minute)
    ticks_per_s = ticks_per_quarter * 1e6 / tempo_us
    body = bytearray(b"\x00\xff\x51\x03" + tempo_us.to_bytes(3))
    for channel in sorted(set(notes.channel.tolist())):
        for number, value in (controls or {}).items():
            body += bytes([0, _CONTROL | channel, number, value])
    now = 0
    events = _changes(changes, ticks_per_s) + _messages(notes, ticks_per_s)
    for tick, message in sorted(events, key=lambda event: event[0]):
        body += _variable_length(tick - now) + message
        now = tick
    body += _variable_length(round(rest_s * ticks_per_s)) + b"\xff\x2f\x00"
    header = struct.pack(">IHHH", 6, 0, 1, ticks_per_quarter)
    return b"MThd" + header + b"MTrk" + len(body).to_bytes(4) + bytes(body)


def _check_settings(
    quarters_per_minute: float, ticks_per_quarter: int, controls: Mapping[int, int], rest_s: float
) -> None:
    if not 3.6 <= quarters_per_minute <= 60e6:  # a quarter is 1 to 2^24 - 1 microseconds long
        raise ConfigError(f"quarters_per_minute must be from 3.6 on, got {quarters_per_minute}")
    if not 1 <= ticks_per_quarter < 0x8000:
        raise ConfigError(f"ticks_per_quarter must be from 1 to 32767, got {ticks_per_quarter}")
    if not all(0 <= number < 128 for pair in controls.items() for number in pair):
        raise ConfigError(f"controls and their values must be in [0, 127], got {dict(controls)}")
    if not 0 <= rest_s < np.inf:
        raise ConfigError(f"rest_s must be at least 0, got {rest_s}")


def _changes(changes: Controls | None, ticks_per_s: float) -> list[tuple[int, bytes]]:
    rows = sorted(changes.rows(), key=lambda row: row.time_s) if changes else []
    return [
        (round(row.time_s * ticks_per_s), bytes([_CONTROL | row.channel, row.number, row.value]))
        for row in rows
    ]


def _messages(notes: Notes, ticks_per_s: float) -> list[tuple[int, bytes]]:
    begins, ends = [], []
    programs: dict[int, int] = {}
    for start, end, note in _on_ticks(notes, ticks_per_s):
        if programs.get(note.channel) != note.program:
            programs[note.channel] = note.program
            begins.append((start, bytes([_PROGRAM | note.channel, note.program])))
        begins.append((start, bytes([_ON | note.channel, note.pitch, note.velocity])))
        ends.append((end, bytes([_OFF | note.channel, note.pitch, 0])))
    # They are sorted by tick alone: there releases come first, lest they end a note struck again.
    return ends + begins


def _variable_length(number: int) -> bytes:
    """Write a number in groups of seven bits, all but the last marked by the eighth bit."""
    if number >= 1 << 28:
        raise DataError("a pause between notes is longer than a MIDI file can tell")
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _on_ticks(notes: Notes, ticks_per_s: float) -> list[tuple[int, int, Note]]:
    """Return beginning, end and note in order of time, no two of one key sounding together."""
    longest: dict[tuple[int, int, int], tuple[int, Note]] = {}
    for note in notes.rows():
        start = round(note.onset_s * ticks_per_s)
        end = max(round(note.offset_s * ticks_per_s), start + 1)
        key = (start, note.channel, note.pitch)
        longest[key] = max(longest.get(key, (end, note)), (end, note))

    spans = []
    struck_again: dict[tuple[int, int], int] = {}
    for (start, channel, pitch), (end, note) in sorted(longest.items(), reverse=True):
        spans.append((start, min(end, struck_again.get((channel, pitch), end)), note))
        struck_again[channel, pitch] = start
    return spans[::-1]


def decode_midi(data: bytes) -> Notes:
    """Read the notes of a standard MIDI file, of all its tracks, in order of onset.

    A note struck again before its release ends there; one never released ends with the last event;
    notes without length are left out. Notes end when their keys are released: see
    `decode_performance` where pedals matter.

    Raises:
        DataError: It is not a MIDI file, is damaged, or counts time in frames of film; the message
            is the reason alone.
    """
    return decode_performance(data).notes


def decode_performance(data: bytes) -> Performance:
    """Read notes, as `decode_midi` does, and control changes, those of the pedals among them.

    Raises:
        DataError: As from `decode_midi`.
    """
    return read_compiled(data) or _read_plainly(data)


def _read_plainly(data: bytes) -> Performance:
    events = read_events(data)
    changes = events.kind == _CONTROL >> 4
    columns = (events.time_s, events.second, events.first, events.channel)
    return Performance(_notes(events), Controls(*(column[changes] for column in columns)))


def _notes(events: Events) -> Notes:
    rows = np.flatnonzero((events.kind == _ON >> 4) | (events.kind == _OFF >> 4))
    key = events.channel[rows].astype(np.int64) * 128 + events.first[rows]
    # Of each key the events in order of time: a strike lasts until the next of them.
    rows = rows[np.argsort(key, kind="stable")]
    key = np.sort(key)
    next_s = np.append(events.time_s[rows][1:], events.end_s)
    next_s[:-1][key[1:] != key[:-1]] = events.end_s
    strikes = (events.kind[rows] == _ON >> 4) & (events.second[rows] > 0)
    kept = strikes & (next_s > events.time_s[rows])
    rows = rows[kept]
    return Notes(
        pitch=events.first[rows],
        onset_s=events.time_s[rows],
        offset_s=next_s[kept],
        velocity=events.second[rows],
        channel=events.channel[rows],
        program=_programs(events)[rows],
    ).in_order()


def _programs(events: Events) -> NDArray[np.uint8]:
    """Return the program that the channel of each event has by then."""
    programs = np.zeros(len(events.kind), np.uint8)
    changes = events.kind == _PROGRAM >> 4
    for channel in set(events.channel[changes].tolist()):
        own = np.flatnonzero(changes & (events.channel == channel))
        rows = np.flatnonzero(events.channel == channel)
        values = np.append(np.uint8(0), events.first[own])
        programs[rows] = values[np.searchsorted(own, rows, side="right")]
    return programs
