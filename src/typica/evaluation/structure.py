"""How much of what sounds comes again seconds later: harmony's self-similarity at long lags.

Models of audio sound right for a fraction of a second and lose the thread after it. Chroma, the
twelve pitch classes whatever the octave and the instrument, hears the thread and not the timbre.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from typica.core.errors import ConfigError, DataError
from typica.signal.spectrum import magnitude

FRAME_S = 0.1  # from one chroma to the next
WINDOW_S = 0.25  # tells semitones apart from A2 on
LOWEST_HZ, HIGHEST_HZ = 55.0, 1760.0  # five octaves in which music has its harmony
A4_HZ = 440.0
SILENT_DB = -60.0  # of the loudest frame: below it there is no harmony

Array = NDArray[np.float64]


class SelfSimilarity(NamedTuple):
    """How alike harmonies are that lie so far apart.

    Attributes:
        lags_s: Distances in time.
        values: Mean cosine of chroma at each: 1 for the same, 0 for nothing in common.
        error: Standard error of each, over the recordings that have a value there; None where a
            single one has.
    """

    lags_s: Array
    values: Array
    error: Array | None

    def distance(self, other: SelfSimilarity) -> float:
        """Return the mean absolute difference of two at the same lags."""
        return float(np.abs(self.values - other.values).mean())


def self_similarity(
    recordings: Sequence[Tensor], rate: int, *, longest_s: float = 4.0, shortest_s: float = 1.0
) -> SelfSimilarity:
    """Return the self-similarity of harmony, as the mean over recordings.

    That of a recording at a lag is the mean cosine between the chroma of a frame and of the one so
    much later, where both sound. A drone has 1 and noise nearly so; music that stays in a key lies
    between these and notes that have nothing to do with one another.

    Args:
        recordings: Each (1, time), longer than the longest lag.
        rate: Hertz.
        longest_s: The longest lag.
        shortest_s: The shortest.

    Raises:
        ConfigError: The lags are none.
        DataError: No recording is long enough and sounds, or none at both ends of some lag.
    """
    if not 0 < shortest_s < longest_s:
        raise ConfigError(f"lags must rise from above 0, got {shortest_s:g} and {longest_s:g} s")
    hop = round(FRAME_S * rate)
    lags = np.arange(round(shortest_s / FRAME_S), round(longest_s / FRAME_S) + 1)
    curves = []
    for audio in recordings:
        rows = chroma(audio, rate)
        if len(rows) > lags[-1] and rows.any():
            curves.append(_curve(rows, lags))
    if not curves:
        raise DataError(f"no recording of more than {longest_s:g} s sounds: there is no structure")
    values = np.array(curves)
    counts = (~np.isnan(values)).sum(0)  # of recordings that sound at both ends of a lag
    if not counts.all():
        apart = lags[counts.argmin()] * hop / rate
        raise DataError(f"no recording sounds at two places {apart:g} s apart: nothing to compare")
    error = None
    if counts.min() > 1:
        error = np.nanstd(values, 0, ddof=1) / np.sqrt(counts)
    return SelfSimilarity(lags * hop / rate, np.nanmean(values, 0), error)


def chroma(audio: Tensor, rate: int) -> Array:
    """Return the share of each pitch class in each tenth of a second, (frames, 12), from C.

    Rows have length 1, and are zeros where it is silent.

    Args:
        audio: Shape (1, time).
        rate: Hertz.
    """
    window, hop = 2 * round(WINDOW_S * rate / 2), round(FRAME_S * rate)
    power = magnitude(audio[0].double(), window=window, hop=hop).numpy().T ** 2
    hertz = np.arange(power.shape[1]) * rate / window
    heard = (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)
    classes = np.round(12 * np.log2(hertz[heard] / A4_HZ) + 9).astype(int) % 12
    rows = power[:, heard] @ np.eye(12)[classes]
    level = rows.sum(1)
    rows = np.sqrt(rows)
    rows[level <= level.max() * 10 ** (SILENT_DB / 10)] = 0
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _curve(rows: Array, lags: NDArray[np.int64]) -> Array:
    sounds, found = np.asarray(rows.any(1)), []
    for lag in lags:
        both = (sounds[:-lag] & sounds[lag:]).sum()
        found.append(float((rows[:-lag] * rows[lag:]).sum() / both) if both else np.nan)
    return np.array(found)
