"""Strikes and releases of keys, paired; waits between events, written as tokens.

What the codecs of events have in common.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.int64]


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
