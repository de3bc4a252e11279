"""Which parts of a corpus are scored: whole recordings, or stretches spread evenly over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from typica.core.errors import DataError, did_you_mean
from typica.data.corpus import Corpus, Recording
from typica.data.split import SPLITS
from typica.data.stretch import Stretch

LONGEST_S = 20.0  # whole recordings are read in pieces of this: memory stays bounded
SPREAD_S = (1.0, 4.0)  # shortest and longest stretch where not everything is scored
SPREAD_COUNT = 16  # stretches wanted at least, so that a standard error means something


def choose(corpus: Corpus, split: str, seconds: float | None = None) -> list[Stretch]:
    """Choose what is scored of a split.

    Args:
        corpus: Where the recordings are.
        split: "train", "valid" or "test".
        seconds: How much at most; None for everything. Where the split is longer, stretches of
            1 to 4 s, at places spread evenly over all its samples, in their order.

    Raises:
        DataError: The split is empty, or there is no such split.
    """
    recordings = _recordings(corpus, split)
    total = sum(recording.length for recording in recordings)
    if seconds is None or seconds * corpus.rate >= total:
        return _tile(recordings, round(LONGEST_S * corpus.rate))
    shortest, longest = SPREAD_S
    each = min(seconds, max(shortest, min(longest, seconds / SPREAD_COUNT)))
    count, length = max(1, int(seconds / each)), max(1, int(each * corpus.rate))
    return _spread(recordings, total, count, length)


def _recordings(corpus: Corpus, split: str) -> list[Recording]:
    if split not in SPLITS:
        raise DataError(f"there is no split {split!r}: {did_you_mean(split, SPLITS)}")
    recordings = corpus.recordings(split)
    if not recordings:
        raise DataError(
            f"corpus {corpus.name} has no recordings in its split {split!r}: "
            f"prepare more recordings, or choose another split"
        )
    return recordings


def held_out_split(corpus: Corpus) -> str:
    """Return the split that held-out figures are of: "test" where there is one, else "valid"."""
    return "test" if corpus.recordings("test") else "valid"


def _tile(recordings: Sequence[Recording], longest: int) -> list[Stretch]:
    return [
        Stretch(recording, start, min(start + longest, recording.length))
        for recording in recordings
        for start in range(0, recording.length, longest)
    ]


def _spread(recordings: Sequence[Recording], total: int, count: int, length: int) -> list[Stretch]:
    """Lay the recordings end to end, and a stretch into each of `count` equal parts of them.

    Within its part, each lies anywhere, and the same arguments always give the same places: a
    fixed step could fall into step with the lengths of the recordings.
    """
    places = (np.arange(count) + np.random.default_rng(0).random(count)) * (total / count)
    ends = np.cumsum([recording.length for recording in recordings])
    stretches: list[Stretch] = []
    for place in places:
        recording = recordings[int(np.searchsorted(ends, place, side="right"))]
        before = int(ends[np.searchsorted(ends, place, side="right")]) - recording.length
        start = max(0, min(int(place) - before, recording.length - length))
        _append(stretches, Stretch(recording, start, min(start + length, recording.length)))
    return stretches


def _append(stretches: list[Stretch], new: Stretch) -> None:
    """Append a stretch, or what the last one does not hold of it."""
    last = stretches[-1] if stretches else None
    if last and last.recording == new.recording and new.start < last.stop:
        new = new._replace(start=last.stop)
    if new.length > 0:
        stretches.append(new)


def excerpts(corpus: Corpus, split: str, count: int, length: int) -> list[Stretch]:
    """Choose the middles of `count` recordings, spread evenly over those of a split.

    Shorter recordings give what they have; few recordings come again.

    Raises:
        DataError: The split is empty, or there is no such split.
    """
    recordings = _recordings(corpus, split)
    chosen = [recordings[number * len(recordings) // count] for number in range(count)]
    starts = [max(0, (one.length - length) // 2) for one in chosen]
    return [
        Stretch(one, start, min(start + length, one.length))
        for one, start in zip(chosen, starts, strict=True)
    ]
