"""Strikes and releases of keys in sequence, paired; waits between them, written as tokens.

What the codecs of events have in common.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import DataError
from typica.score.notes import Notes

_Numbers = NDArray[np.int64]


_LEVEL_BITS, _KEY_BITS = 7, 11  # of numbers below 128, and below 16 times that


class Keystrokes(NamedTuple):
    """Strikes and releases in the order in which they are told.

    Attributes:
        step: When each is, in steps.
        strikes: Whether it is a strike; else it is a release.
        key: Which key it moves.
        level: How hard it is struck; 0 for a release.
    """

    step: _Numbers
    strikes: NDArray[np.bool_]
    key: _Numbers
    level: _Numbers


def to_steps(time_s: NDArray[np.float64], steps_per_s: int) -> _Numbers:
    """Return the nearest step of each time; of two as near, the later."""
    return np.floor(time_s * steps_per_s + 0.5).astype(np.int64)


def keystrokes(notes: Notes, steps_per_s: int, key: _Numbers, level: _Numbers) -> Keystrokes:
    """Return the strikes and releases of notes: at one step releases first, then by key and level.

    A note lasts at least one step.

    Args:
        notes: What is told.
        steps_per_s: The clock.
        key: Of each note, in [0, 2048).
        level: How hard each is struck, in [0, 128).
    """
    start = to_steps(notes.onset_s, steps_per_s)
    stop = np.maximum(to_steps(notes.offset_s, steps_per_s), start + 1)
    # All in one number, so that there is one thing to sort.
    strikes = ((start << 1 | 1) << _KEY_BITS | key) << _LEVEL_BITS | level
    releases = (stop << 1 << _KEY_BITS | key) << _LEVEL_BITS
    packed = np.sort(np.concatenate([strikes, releases]))
    moves = packed >> _LEVEL_BITS
    when = moves >> _KEY_BITS
    return Keystrokes(
        when >> 1, (when & 1).astype(bool), moves & (1 << _KEY_BITS) - 1, packed & 127
    )


class Pairs(NamedTuple):
    """Which strike was ended by which release, rows of the events that were given.

    Attributes:
        strike: Rows of all strikes, in order.
        release: For each of them the row that ends it; -1 where none does.
    """

    strike: _Numbers
    release: _Numbers


def pair(key: _Numbers, strikes: NDArray[np.bool_]) -> Pairs:
    """Pair strikes and releases of each key, first in, first out.

    A release of a key of which no strike is open is left out.

    Args:
        key: Of each event, in order of time.
        strikes: Whether each is a strike; else it is a release.
    """
    order = np.argsort(key, kind="stable")
    group = np.cumsum(np.diff(key[order], prepend=key[order][:1]) != 0)
    on = strikes[order]
    # Strikes less releases so far in the group. The release that takes this lower than ever, and
    # below 0, has no strike. Each group is moved far below the one before it, to forget that.
    balance = np.cumsum(np.where(on, 1, -1))
    is_first = np.diff(group, prepend=-1) != 0
    before_group = np.concatenate([[0], balance[:-1]])[is_first][group] if len(key) else balance
    moved = balance - before_group - group * (len(key) + 1)
    floor = -group * (len(key) + 1)
    lowest = np.minimum.accumulate(np.minimum(moved, floor))
    before = np.where(is_first, floor, np.concatenate([[0], lowest[:-1]])) if len(key) else lowest
    ends = ~on & (moved >= before)
    return _match(order, group, on, ends)


def sounding(
    step: _Numbers, rows: _Numbers, key: _Numbers, strikes: NDArray[np.bool_], longest: float
) -> tuple[_Numbers, _Numbers]:
    """Return which events begin notes, and at which step each ends.

    What is never released ends with the last event, or `longest` steps after its strike where that
    is earlier; notes without length are left out.

    Args:
        step: Of every event, in order.
        rows: Which of them are strikes and releases.
        key: Of each of these.
        strikes: Whether each of these is a strike.
        longest: In steps; infinite if there is no such limit.
    """
    pairs = pair(key, strikes)
    strike, closed = rows[pairs.strike], pairs.release >= 0
    last = step[-1] if len(step) else 0
    stop = np.minimum(last, step[strike] + min(longest, last)).astype(np.int64)
    stop[closed] = step[rows[pairs.release[closed]]]
    sounds = stop > step[strike]
    return strike[sounds], stop[sounds]


def _match(order: _Numbers, group: _Numbers, on: NDArray, ends: NDArray) -> Pairs:
    """Match the k-th strike of each group with its k-th release."""
    strike, release = np.full(on.sum(), 0), np.full(on.sum(), -1)
    strike[:] = order[on]
    place = _rank(group[on])
    first = np.searchsorted(group[ends], group[on], side="left")
    count = np.searchsorted(group[ends], group[on], side="right") - first
    closed = place < count
    release[closed] = order[ends][(first + place)[closed]]
    in_order = np.argsort(strike, kind="stable")
    return Pairs(strike[in_order], release[in_order])


def _rank(group: _Numbers) -> _Numbers:
    """Return how many of its group stand before each member; groups stand together."""
    return np.arange(len(group)) - np.searchsorted(group, group, side="left")


def spread(step: _Numbers, before: _Numbers, longest: int) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Lay out tokens of events with the waits that they need before them.

    A wait is as many of the longest as are needed while the gap is greater, then the rest.

    Args:
        step: Of each event, in order, from 0 on.
        before: How many tokens the event has itself, at least one.
        longest: The longest wait of one token, in steps.

    Returns:
        The length of each wait, in steps, 0 where a token is none; and for each event the index of
        its first own token, and the number of tokens up to it.
    """
    gap = np.diff(step, prepend=0)
    waits = -(-gap // longest)
    stop = np.cumsum(waits + before)
    own = stop - before
    lengths = np.zeros(int(stop[-1]) if len(stop) else 0, np.int64)
    # All are the longest at first, then the last of each gap gets what is left.
    rows = np.repeat(np.arange(len(gap)), waits)
    lengths[own[rows] - 1 - _rank(rows)] = longest
    waited = waits > 0
    lengths[own[waited] - 1] = gap[waited] - (waits[waited] - 1) * longest
    return lengths, own, stop


def waits_of(tokens: _Numbers, first: int, longest: int) -> _Numbers:
    """Return how many steps each token waits; those that wait are numbered from `first` on."""
    steps = tokens - first + 1
    return np.where((steps > 0) & (steps <= longest), steps, 0)


def whole_numbers(tokens: ArrayLike, size: int, kind: str) -> _Numbers:
    """Return the tokens of a vocabulary as an array.

    Args:
        tokens: What was given for them.
        size: Of the vocabulary.
        kind: What the messages call them, as "events".

    Raises:
        DataError: They are not whole numbers in a row, or one is none of the vocabulary.
    """
    given = np.asarray(tokens)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise DataError(f"{kind} must be whole numbers in a row")
    if np.any((given < 0) | (given >= size)):
        raise DataError(f"{kind} of this vocabulary are numbers in [0, {size})")
    return given.astype(np.int64)
