"""Verbatim copies: what of a sound is in the recordings that a model was trained on.

Landmarks say where in the recordings a window of the sound may be from; there its waveform is
laid over the recording's, sample by sample, and what is alike is a copy. The same notes played
anew are none. Recordings that hold the same samples twice, as those of a synthesiser do, are full
of copies of one another: held-out ones tell how much of it is usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError
from typica.core.progress import SILENT, Progress
from typica.data.corpus import Corpus, Recording
from typica.data.stretch import Stretch
from typica.evaluation.landmarks import Landmarks, grid, landmarks
from typica.signal.loudness import SILENCE_DB

KNOWN_S = 24 * 3600.0  # of recordings, at most: a hundred megabytes
PART_S = 600.0  # of a recording that is read at once
WINDOW_S, STEP_S = 2.5, 0.5  # so that a copy of 3 s holds a whole window
BLOCK_S = 0.5
ALIKE, BLOCKS_ALIKE = 0.97, 0.95  # correlation of a window, and the median of its blocks
CANDIDATES, LEAST_VOTES = 5, 5  # places that are looked at; landmarks that a place has to share
COMMONEST = 4096  # places of a landmark, beyond which it tells nothing
GAP = 1024  # frames between parts, so that no place lies in two
SAME_S = 0.002


@dataclass(frozen=True)
class Copy:
    """A stretch of a sound that is in a recording as well.

    Attributes:
        start_s: Where it begins in the sound.
        stop_s: Where it ends.
        recording: Id of the recording.
        at_s: Where it begins there.
        likeness: Correlation of the two waveforms, the least over its windows.
    """

    start_s: float
    stop_s: float
    recording: str
    at_s: float
    likeness: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.stop_s - self.start_s

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from the plain values that `dataclasses.asdict` makes of it."""
        return cls(**plain)


class _Place(NamedTuple):
    recording: Recording
    at: int
    likeness: float


class CopyIndex:
    """Knows recordings, and finds what of a sound is copied from them.

    It takes 4 MB for an hour, for at most 24 hours; the recordings stay on the disk, and are
    looked at where a copy is suspected.

    Attributes:
        known_s: Seconds of recordings that it knows.
        all_s: Seconds of all that there were.
    """

    def __init__(
        self,
        corpus: Corpus,
        recordings: Sequence[Recording],
        *,
        most_s: float = KNOWN_S,
        progress: Progress = SILENT,
    ) -> None:
        """Listen to recordings.

        Args:
            corpus: Holds them.
            recordings: Usually those of the split "train".
            most_s: Where they are longer, parts of ten minutes from all over them.
            progress: Hears how far it is.
        """
        self.corpus, self._grid = corpus, grid(corpus.rate)
        self._parts = _choose(recordings, round(PART_S * corpus.rate), most_s * corpus.rate)
        self.all_s = sum(one.length for one in recordings) / corpus.rate
        self.known_s = sum(part.length for part in self._parts) / corpus.rate
        lengths = [part.length // self._grid.hop + GAP for part in self._parts]
        self._starts = np.cumsum([GAP, *lengths])[:-1]
        with progress.task("learning what could be copied", self.known_s, "s") as task:
            found = []
            for part, start in zip(self._parts, self._starts, strict=True):
                marks = landmarks(corpus.audio(*part)[0].numpy(), corpus.rate)
                found.append(marks._replace(frames=marks.frames + np.int32(start)))
                task.advance(part.length / corpus.rate)
        self._marks = _sorted(found)

    def find(self, sound: Tensor) -> list[Copy]:
        """Find what is copied in a sound, (1, time) at the rate of the corpus, in its order.

        Copies of 3 s and more are found under noise at 20 dB and at any level; what is much
        shorter is not looked for.

        Raises:
            ShapeError: It has several channels.
        """
        if sound.ndim not in (1, 2) or sound.shape[:-1].numel() != 1:
            raise ShapeError(f"a sound must have shape (1, time), got {tuple(sound.shape)}")
        audio = sound.reshape(-1).float().cpu().numpy()
        rate, copies = self.corpus.rate, list[Copy]()
        for start, place in self._windows(audio):
            at_s = place.at / rate
            new = Copy(start, start + WINDOW_S, place.recording.id, at_s, place.likeness)
            last = copies[-1] if copies else None
            if last and _goes_on(last, new):
                likeness = min(last.likeness, new.likeness)
                copies[-1] = replace(last, stop_s=new.stop_s, likeness=likeness)
            else:
                copies.append(new)
        return copies

    def _windows(self, audio: NDArray[np.float32]) -> Iterator[tuple[float, _Place]]:
        """Yield seconds and origin of each window that is copied."""
        rate, hop = self.corpus.rate, self._grid.hop
        marks = landmarks(audio, rate)
        length = round(WINDOW_S * rate)
        for number in range(math.floor((len(audio) - length) / (STEP_S * rate)) + 1):
            start = round(number * STEP_S * rate) // hop * hop
            window = audio[start : start + length]
            if np.square(window).mean() < 10 ** (SILENCE_DB / 10):
                continue
            first, last = start // hop, (start + length - self._grid.window) // hop
            own = (marks.frames >= first) & (marks.frames <= last)
            shown = Landmarks(marks.names[own], marks.frames[own] - np.int32(first))
            places = [self._compare(window, offset) for offset in self._candidates(shown)]
            alike = [one for one in places if one is not None]
            if alike:
                yield start / rate, max(alike, key=lambda one: one.likeness)

    def _candidates(self, shown: Landmarks) -> list[int]:
        """Return the frames at which most landmarks of a window are found."""
        low = np.searchsorted(self._marks.names, shown.names, "left")
        count = np.searchsorted(self._marks.names, shown.names, "right") - low
        count[count > COMMONEST] = 0
        before = np.cumsum(count) - count
        found = np.arange(count.sum()) + np.repeat(low - before, count)
        offsets = self._marks.frames[found] - np.repeat(shown.frames, count)
        values, votes = np.unique(offsets, return_counts=True)
        # A copy begins between two frames: their votes count together.
        together = votes + np.where(np.diff(values, append=-1) == 1, np.roll(votes, -1), 0)
        best = np.argsort(-together, kind="stable")[:CANDIDATES]
        return values[best][together[best] >= LEAST_VOTES].tolist()

    def _compare(self, window: NDArray[np.float32], offset: int) -> _Place | None:
        """Lay a window over the recording at an offset and around it; None where it is another."""
        middle = offset + len(window) // self._grid.hop // 2
        number = max(0, int(np.searchsorted(self._starts, middle, "right")) - 1)
        part, margin = self._parts[number], 2 * self._grid.hop
        start = part.start + (offset - int(self._starts[number])) * self._grid.hop - margin
        stop = start + len(window) + 2 * margin
        around = self.corpus.audio(part.recording, start, stop)[0].numpy()
        shift = _best_shift(window, around)
        likeness, blocks = _likeness(
            window, around[shift : shift + len(window)], round(BLOCK_S * self.corpus.rate)
        )
        if likeness < ALIKE or blocks < BLOCKS_ALIKE:
            return None
        return _Place(part.recording, start + shift, likeness)


def copied_share(copies: Sequence[Copy], seconds: float) -> float:
    """Return the share of a sound of so many seconds that is copied.

    Raises:
        ConfigError: The sound has no length.
    """
    if not seconds > 0:
        raise ConfigError(f"a sound of {seconds:g} s has no share that is copied")
    covered, end = 0.0, 0.0
    for one in sorted(copies, key=lambda one: one.start_s):
        covered += max(0.0, one.stop_s - max(one.start_s, end))
        end = max(end, one.stop_s)
    return min(1.0, covered / seconds)


def _goes_on(last: Copy, new: Copy) -> bool:
    """Tell whether a window is copied from where the one before was."""
    same = last.recording == new.recording and new.start_s <= last.stop_s
    return same and abs((new.at_s - new.start_s) - (last.at_s - last.start_s)) < SAME_S


def _choose(recordings: Sequence[Recording], length: int, most: float) -> list[Stretch]:
    """Cut recordings into parts, and choose as many as may be known, from all over them."""
    parts = [
        Stretch(one, start, min(start + length, one.length))
        for one in recordings
        for start in range(0, one.length, length)
    ]
    total = sum(part.length for part in parts)
    count = len(parts) if total <= most else max(1, int(len(parts) * most / total))
    return [parts[number * len(parts) // count] for number in range(count)]


def _sorted(found: Sequence[Landmarks]) -> Landmarks:
    """Return all landmarks in the order of their names."""
    if not found:
        return Landmarks(np.zeros(0, np.int32), np.zeros(0, np.int32))
    together = Landmarks(*(np.concatenate(column) for column in zip(*found, strict=True)))
    order = np.argsort(together.names, kind="stable")
    return Landmarks(together.names[order], together.frames[order])


def _best_shift(window: NDArray[np.float32], around: NDArray[np.float32]) -> int:
    """Return where in its surroundings a window is most like them."""
    products = correlate(around, window, mode="valid", method="fft")
    squares = np.cumsum(np.square(around, dtype=np.float64))
    power = squares[len(window) - 1 :] - np.concatenate([[0.0], squares[: -len(window)]])
    return int((products / np.sqrt(np.maximum(power, 1e-9))).argmax())


def _likeness(
    one: NDArray[np.float32], other: NDArray[np.float32], block: int
) -> tuple[float, float]:
    """Return the correlation of two waveforms, and the median over their blocks."""
    rows = np.stack([one * other, one * one, other * other]).astype(np.float64)
    whole = rows[:, : rows.shape[1] // block * block]
    blocks = whole.reshape(3, -1, block).sum(2)
    return float(_correlation(blocks.sum(1))), float(np.median(_correlation(blocks)))


def _correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[0] / np.sqrt(np.maximum(sums[1] * sums[2], 1e-18))
