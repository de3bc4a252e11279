"""How notes differ from what they became: which are missing, and how far the others moved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.score.notes import Notes


class Difference(NamedTuple):
    """What became of notes.

    Attributes:
        notes: How many there were.
        missing: How many of them have none of their pitch near their onset any more.
        added: How many there are that were not.
        onset_s: How far onsets of the others moved at most, in seconds.
        offset_s: How far their offsets did.
        velocity: By how much their velocities changed at most.
        voices: How many changed their channel or program.
    """

    notes: int
    missing: int
    added: int
    onset_s: float
    offset_s: float
    velocity: int
    voices: int


def difference(before: Notes, after: Notes, *, tolerance_s: float) -> Difference:
    """Compare notes with what became of them.

    Notes of a pitch are matched in order of their onsets, each with the first later one that lies
    within the tolerance; those of one channel and program before others.

    Args:
        before: What there was.
        after: What became of it.
        tolerance_s: How far an onset may move, in seconds, that still counts as that of the note.
    """
    pairs = _pairs(before, after, tolerance_s)
    one, other = pairs.T
    moved = {
        name: np.abs(getattr(before, name)[one].astype(float) - getattr(after, name)[other])
        for name in ("onset_s", "offset_s", "velocity", "channel", "program")
    }
    return Difference(
        notes=len(before),
        missing=len(before) - len(pairs),
        added=len(after) - len(pairs),
        onset_s=float(moved["onset_s"].max(initial=0.0)),
        offset_s=float(moved["offset_s"].max(initial=0.0)),
        velocity=int(moved["velocity"].max(initial=0.0)),
        voices=int(np.count_nonzero(moved["channel"] + moved["program"])),
    )


def _pairs(before: Notes, after: Notes, tolerance_s: float) -> NDArray[np.int64]:
    """Return rows of notes that belong together, shape (pairs, 2)."""
    pairs: list[tuple[int, int]] = []
    left, right = np.arange(len(before)), np.arange(len(after))
    # First those whose voice is theirs too, then the others by pitch alone.
    for has_voice in (True, False):
        keys = (_keys(before, has_voice), _keys(after, has_voice))
        found = _matched(before, after, (left, right), keys, tolerance_s)
        pairs += found
        taken = np.array(found, dtype=np.int64).reshape(-1, 2)
        left, right = np.setdiff1d(left, taken[:, 0]), np.setdiff1d(right, taken[:, 1])
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _keys(notes: Notes, has_voice: bool) -> NDArray[np.int64]:
    channel, program, pitch = (
        column.astype(np.int64) for column in (notes.channel, notes.program, notes.pitch)
    )
    return (channel * 128 + program) * 128 + pitch if has_voice else pitch


def _matched(
    before: Notes,
    after: Notes,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    keys: tuple[NDArray[np.int64], NDArray[np.int64]],
    tolerance_s: float,
) -> list[tuple[int, int]]:
    """Match rows of equal keys, going along both in order of key, then onset."""
    orders = [
        row[np.lexsort((notes.onset_s[row], key[row]))].tolist()
        for notes, row, key in zip((before, after), rows, keys, strict=True)
    ]
    pairs, left, right = [], 0, 0
    while left < len(orders[0]) and right < len(orders[1]):
        one, other = orders[0][left], orders[1][right]
        gap = after.onset_s[other] - before.onset_s[one]
        same = keys[1][other] - keys[0][one]
        if same == 0 and abs(gap) <= tolerance_s:
            pairs.append((one, other))
            left, right = left + 1, right + 1
        elif same < 0 or (same == 0 and gap < 0):
            right += 1
        else:
            left += 1
    return pairs
