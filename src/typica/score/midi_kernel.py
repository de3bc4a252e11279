"""Reading MIDI files in one compiled loop: the same numbers as `midi_events` and `midi` give.

Nothing here says what is wrong with a damaged file: the plain reader does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Times = NDArray[np.float64]
Number = Any  # an integer of whatever width numba finds
Changes = tuple[Times, Bytes, Bytes, Bytes]

_TEMPO_US = 500_000  # before a file sets one
_KEYS = 16 * 128
_META, _END_OF_TRACK, _TEMPO = 0xFF, 0x2F, 0x51
_DAMAGED = -1


class Rows(NamedTuple):
    """Columns with room for all events of a file, as of `midi_events.Events`."""

    tick: Numbers
    tempo_us: Numbers  # 0 but where a tempo is set
    status: Bytes
    first: Bytes
    second: Bytes


class Struck(NamedTuple):
    """The columns of `Notes`, in their order."""

    pitch: Bytes
    onset_s: Times
    offset_s: Times
    velocity: Bytes
    channel: Bytes
    program: Bytes


def read(
    data: Bytes, starts: Numbers, stops: Numbers, ticks_per_quarter: Number
) -> tuple[bool, Struck, Changes]:
    """Return the notes of a file in order, and its controls.

    Args:
        data: The bytes of the file, uint8.
        starts: Where each track begins.
        stops: Where each ends.
        ticks_per_quarter: As the header says.

    Returns:
        Whether all tracks could be read; the columns of `Notes`, and those of `Controls`.
    """
    most = len(data) // 2 + 1  # an event has two bytes at least
    ticks, levels = np.empty((2, most), np.int64), np.empty((3, most), np.uint8)
    rows = Rows(ticks[0], ticks[1], levels[0], levels[1], levels[2])
    bounds = np.zeros(len(starts) + 1, np.int64)
    count = 0
    for track in range(len(starts)):
        count = _read_track(data, starts[track], stops[track], rows, count)
        if count == _DAMAGED:
            break
        bounds[track + 1] = count
    good = count != _DAMAGED
    order = _merged(rows.tick, bounds if good else bounds[:1])
    time_s = _seconds(rows, order, ticks_per_quarter)
    return good, _in_order(_notes(rows, order, time_s)), _controls(rows, order, time_s)


@njit
def _read_track(data: Bytes, place: Number, stop: Number, rows: Rows, count: Number) -> Number:
    """Read the events of a track behind the first `count` rows; return how many there are then."""
    tick: Number = 0
    running: Number = 0
    while place < stop:
        wait = np.int64(data[place])
        if wait < 0x80:  # most are: that alone halves the time
            place += 1
        else:
            wait, place = _number(data, place, stop)
        if place >= stop:
            return _DAMAGED
        status, first, second, tempo_us, place = _event(data, place, stop, running)
        if place > stop:
            return _DAMAGED
        tick += wait
        rows.tick[count], rows.tempo_us[count] = tick, tempo_us
        rows.status[count], rows.first[count], rows.second[count] = status, first, second
        count += 1
        if status < 0xF0:
            running = status
        elif first == _END_OF_TRACK:
            break
    return count


@njit
def _number(data: Bytes, place: Number, stop: Number) -> tuple[Number, Number]:
    """Return a number of variable length, and where the byte behind it is."""
    value: Number = 0
    for _ in range(4):
        if place >= stop:
            break
        byte = np.int64(data[place])
        value = value << 7 | (byte & 0x7F)
        place += 1
        if byte < 0x80:
            break
    return value, place


# These take one array each: numba counts references to each at each call.
@njit
def _event(
    data: Bytes, place: Number, stop: Number, running: Number
) -> tuple[Number, Number, Number, Number, Number]:
    """Return status, data and tempo of an event, and where the next begins; behind `stop` if not.

    Of what does not sound the first byte of data is the kind.
    """
    status = np.int64(data[place])
    if status >= 0xF0:
        first, tempo_us, place = _silent(data, place, stop, status)
        return status, first, 0, tempo_us, place
    if status >= 0x80:
        place += 1
    else:
        status = running
    size = 1 if 0xC0 <= status < 0xE0 else 2
    if status == 0 or place + size > stop:
        return status, 0, 0, 0, stop + 1
    first, second = np.int64(data[place]), np.int64(data[place + size - 1])
    if first >= 0x80 or second >= 0x80:
        return status, 0, 0, 0, stop + 1
    return status, first, second, 0, place + size


@njit
def _silent(
    data: Bytes, place: Number, stop: Number, status: Number
) -> tuple[Number, Number, Number]:
    """Return kind and tempo of an event that does not sound, and where the next begins."""
    kind: Number = 0
    place += 1
    if status == _META:
        if place >= stop:
            return 0, 0, stop + 1
        kind = np.int64(data[place])
        place += 1
    elif status != 0xF0 and status != 0xF7:
        return 0, 0, place
    length, start = _number(data, place, stop)
    tempo_us: Number = 0
    if kind == _TEMPO and length == 3 and start + 3 <= stop:
        for index in range(3):
            tempo_us = tempo_us << 8 | np.int64(data[start + index])
    # A length without bytes of its own is damage too: the end comes before it.
    return kind, tempo_us, start + length if start > place else stop + 1


@njit
def _merged(tick: Numbers, bounds: Numbers) -> Numbers:
    """Return rows in order of time, those of one time in order of tracks: neighbours are merged."""
    order = np.arange(bounds[-1])
    spare = np.empty_like(order)
    while len(bounds) > 2:
        for run in range(1, len(bounds), 2):
            stop = bounds[run + 1] if run + 1 < len(bounds) else bounds[run]
            _merge(tick, order, spare, bounds[run - 1], bounds[run], stop)
        order, spare = spare, order
        bounds = _every_second(bounds)
    return order


@njit
def _every_second(bounds: Numbers) -> Numbers:
    """Return the bounds of runs of which each two were merged."""
    merged = np.full(len(bounds) // 2 + 1, bounds[-1])
    for index in range(len(bounds) // 2):
        merged[index] = bounds[2 * index]
    return merged


@njit
def _merge(
    tick: Numbers, order: Numbers, merged: Numbers, left: Number, middle: Number, stop: Number
) -> None:
    """Merge the rows from `left` to `middle` with those from there to `stop`."""
    right = middle
    for place in range(left, stop):
        if right < stop and (left >= middle or tick[order[right]] < tick[order[left]]):
            merged[place] = order[right]
            right += 1
        else:
            merged[place] = order[left]
            left += 1


@njit
def _seconds(rows: Rows, order: Numbers, ticks_per_quarter: Number) -> Times:
    """Return the time of each row in order, counted from where the tempo last changed."""
    time_s = np.empty(len(order))
    tick_s = _TEMPO_US / 1e6 / ticks_per_quarter
    changed, changed_s = 0, 0.0
    for place in range(len(order)):
        row = order[place]
        time_s[place] = changed_s + (rows.tick[row] - changed) * tick_s
        if rows.tempo_us[row] > 0:
            changed, changed_s = rows.tick[row], time_s[place]
            tick_s = rows.tempo_us[row] / 1e6 / ticks_per_quarter
    return time_s


@njit
def _notes(rows: Rows, order: Numbers, time_s: Times) -> Struck:
    """Return notes in the order in which they are struck; some may have no length."""
    notes = _no_notes(_count(rows, order, 9))
    notes.onset_s[:], notes.offset_s[:] = 0.0, 0.0  # a strike of velocity 0 is none
    end_s = time_s[-1] if len(time_s) else 0.0
    held = np.full(_KEYS, -1, np.int64)
    program = np.zeros(16, np.uint8)
    count = 0
    for place in range(len(order)):
        row = order[place]
        status = np.int64(rows.status[row])
        kind, channel = status >> 4, status & 15
        if kind == 12:
            program[channel] = rows.first[row]
        if kind != 8 and kind != 9:
            continue
        key = channel * 128 + rows.first[row]
        if held[key] >= 0:
            notes.offset_s[held[key]] = time_s[place]
        held[key] = -1
        if kind == 9 and rows.second[row] > 0:
            notes.pitch[count], notes.velocity[count] = rows.first[row], rows.second[row]
            notes.channel[count], notes.program[count] = channel, program[channel]
            notes.onset_s[count], notes.offset_s[count] = time_s[place], end_s
            held[key] = count
            count += 1
    return notes


@njit
def _no_notes(count: Number) -> Struck:
    times, levels = np.empty((2, count)), np.empty((4, count), np.uint8)
    return Struck(levels[0], times[0], times[1], levels[1], levels[2], levels[3])


@njit
def _count(rows: Rows, order: Numbers, kind: Number) -> Number:
    count = 0
    for row in order:
        count += rows.status[row] >> 4 == kind
    return count


@njit
def _in_order(notes: Struck) -> Struck:
    """Return notes that have a length; those of one onset in order of pitch, then channel."""
    onset_s, offset_s = notes.onset_s, notes.offset_s
    order = np.empty(len(onset_s), np.int64)
    rank = np.empty(len(onset_s), np.int64)
    count = 0
    for row in range(len(onset_s)):
        rank[row] = np.int64(notes.pitch[row]) * 16 + notes.channel[row]
        if offset_s[row] <= onset_s[row]:
            continue
        place = count
        while place > 0:
            before = order[place - 1]
            if onset_s[before] != onset_s[row] or rank[before] < rank[row]:
                break
            order[place] = before
            place -= 1
        order[place] = row
        count += 1
    return _rows_of(notes, order[:count])


@njit
def _rows_of(notes: Struck, order: Numbers) -> Struck:
    found = _no_notes(len(order))
    for place in range(len(order)):
        row = order[place]
        found.pitch[place], found.velocity[place] = notes.pitch[row], notes.velocity[row]
        found.channel[place], found.program[place] = notes.channel[row], notes.program[row]
        found.onset_s[place], found.offset_s[place] = notes.onset_s[row], notes.offset_s[row]
    return found


@njit
def _controls(rows: Rows, order: Numbers, time_s: Times) -> Changes:
    """Return time, value, number and channel of the control changes."""
    size = _count(rows, order, 11)
    when, levels = np.empty(size), np.empty((3, size), np.uint8)
    count = 0
    for place in range(len(order)):
        row = order[place]
        if rows.status[row] >> 4 == 11:
            when[count], levels[0, count] = time_s[place], rows.second[row]
            levels[1, count], levels[2, count] = rows.first[row], rows.status[row] & 15
            count += 1
    return when, levels[0], levels[1], levels[2]
