"""Standard MIDI files of notes, written and read.

Control changes (the sustain pedal above all) and pitch bends are not read: a note ends when its key
is released.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from typica.core.errors import DataError, MissingFeatureError
from typica.score.notes import Note, Notes

_OFF, _ON, _CONTROL, _PROGRAM = 0x80, 0x90, 0xB0, 0xC0
# A file that sets no tempo has this one, says the standard: 120 quarters a minute.
_TEMPO_US = 500_000


def encode_midi(
    notes: Notes,
    *,
    quarters_per_minute: float = 120.0,
    ticks_per_quarter: int = 960,
    controls: Mapping[int, int] | None = None,
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
        rest_s: Silence between the last release and the end of the file.
    """
    tempo_us = round(60e6 / quarters_per_minute)
    ticks_per_s = ticks_per_quarter * 1e6 / tempo_us
    body = bytearray(b"\x00\xff\x51\x03" + tempo_us.to_bytes(3))
    for channel in sorted(set(notes.channel.tolist())):
        for number, value in (controls or {}).items():
            body += bytes([0, _CONTROL | channel, number, value])
    now = 0
    for tick, message in _messages(notes, ticks_per_s):
        body += _variable_length(tick - now) + message
        now = tick
    body += _variable_length(round(rest_s * ticks_per_s)) + b"\xff\x2f\x00"
    header = struct.pack(">IHHH", 6, 0, 1, ticks_per_quarter)
    return b"MThd" + header + b"MTrk" + len(body).to_bytes(4) + bytes(body)


def _messages(notes: Notes, ticks_per_s: float) -> list[tuple[int, bytes]]:
    begins, ends = [], []
    programs: dict[int, int] = {}
    for start, end, note in _on_ticks(notes, ticks_per_s):
        if programs.get(note.channel) != note.program:
            programs[note.channel] = note.program
            begins.append((start, bytes([_PROGRAM | note.channel, note.program])))
        begins.append((start, bytes([_ON | note.channel, note.pitch, note.velocity])))
        ends.append((end, bytes([_OFF | note.channel, note.pitch, 0])))
    # The sort is stable: at one tick releases come first, lest they end a note struck again.
    return sorted(ends + begins, key=lambda event: event[0])


def _variable_length(number: int) -> bytes:
    """Write a number in groups of seven bits, all but the last marked by the eighth bit."""
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
    notes without length are left out.

    Raises:
        DataError: It is not a MIDI file, is damaged, or counts time in frames of film; the message
            is the reason alone.
        MissingFeatureError: mido is not installed.
    """
    try:
        import mido
    except ImportError as error:
        raise MissingFeatureError("reading MIDI files", "mido", "scores") from error
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
        messages = mido.merge_tracks(file.tracks)
    # On damaged files mido raises whatever its parser trips over.
    except Exception as error:
        raise DataError(f"not a MIDI file that can be read: {error}") from error
    if file.type == 2 or not 0 < file.ticks_per_beat < 0x8000:
        raise DataError("MIDI files of format 2 or with time in frames are not supported")
    return Notes.of(_notes(messages, file.ticks_per_beat)).in_order()


class _Keys:
    """The keys held down while a file is read, and the notes they have made."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._held: dict[tuple[int, int], Note] = {}

    def press(self, note: Note) -> None:
        self.release(note.channel, note.pitch, note.onset_s)
        self._held[note.channel, note.pitch] = note

    def release(self, channel: int, pitch: int, now_s: float) -> None:
        note = self._held.pop((channel, pitch), None)
        if note and now_s > note.onset_s:
            self.notes.append(note._replace(offset_s=now_s))

    def release_all(self, now_s: float) -> None:
        for channel, pitch in list(self._held):
            self.release(channel, pitch, now_s)


def _notes(messages: Iterable[Any], ticks_per_quarter: int) -> list[Note]:
    keys = _Keys()
    programs = [0] * 16
    tick_s = _TEMPO_US / 1e6 / ticks_per_quarter
    # Times are counted from where the tempo last changed, so that they do not drift by addition.
    tempo_tick, tempo_s = 0, 0.0
    tick, now_s = 0, 0.0
    for message in messages:
        tick += message.time
        now_s = tempo_s + (tick - tempo_tick) * tick_s
        if message.type == "set_tempo":
            tempo_tick, tempo_s = tick, now_s
            tick_s = message.tempo / 1e6 / ticks_per_quarter
        elif message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "note_on" and message.velocity > 0:
            channel, pitch = message.channel, message.note
            note = Note(pitch, now_s, now_s, message.velocity, channel, programs[channel])
            keys.press(note)
        elif message.type in ("note_on", "note_off"):
            keys.release(message.channel, message.note, now_s)
    keys.release_all(now_s)
    return keys.notes
