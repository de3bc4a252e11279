"""Landmarks of sound: pairs of spectral peaks, by which the same sound is found again.

A peak of the spectrogram outlives noise, filters and another level; two of them with the time
between make a name that few other places share. Source: Wang 2003, "An industrial-strength audio
search algorithm".
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

WINDOW_S, OVERLAP = 0.128, 8  # a window, about: samples are a power of two; windows over a sample
RANGE_HZ = (100.0, 4000.0)  # below hums, above little that lasts
APART = (8, 6)  # frames and bins on each side over which a peak must tower
PROMINENT_DB = 30.0  # below the loudest peak within half a second
AUDIBLE_DB = -100.0
BESIDE_S = 0.5
AHEAD = (2, 63)  # frames from a peak to its partner
INTERVAL = 48  # bins to it, at most
PARTNERS, SEARCHED = 5, 40  # of a peak; among so many that follow it
BLOCK = 4096  # frames


class Grid(NamedTuple):
    """Sizes of the spectrogram, in samples, and the bins that are looked at."""

    window: int
    hop: int
    first: int
    last: int


class Landmarks(NamedTuple):
    """Names of places in a sound.

    Attributes:
        names: int32, (landmarks,): equal where peaks have the same pitches and distance.
        frames: Of their first peaks, int32, (landmarks,).
    """

    names: NDArray[np.int32]
    frames: NDArray[np.int32]


@cache
def grid(rate: int) -> Grid:
    """Return the sizes at a sampling rate."""
    window = 1 << round(math.log2(WINDOW_S * rate))
    first, last = (round(edge * window / rate) for edge in RANGE_HZ)
    return Grid(window, window // OVERLAP, max(1, first), min(last, window * 9 // 20))


def landmarks(audio: NDArray[np.float32], rate: int) -> Landmarks:
    """Return the landmarks of audio, (time,); frame m begins at sample m of the grid's hops.

    Memory beyond the audio is that of a minute's spectrogram.
    """
    size = grid(rate)
    frames = max(0, (len(audio) - size.window) // size.hop + 1)
    found = [_peaks(audio, rate, start, frames) for start in range(0, frames, BLOCK)]
    if not found:
        return Landmarks(np.zeros(0, np.int32), np.zeros(0, np.int32))
    return _pairs(np.concatenate(found, axis=1))


def _peaks(audio: NDArray[np.float32], rate: int, start: int, frames: int) -> NDArray[np.int64]:
    """Return frames and bins of the peaks of a block that begins at a frame, (2, peaks)."""
    size = grid(rate)
    beside = math.ceil(BESIDE_S * rate / size.hop)
    low, high = max(0, start - beside), min(frames, start + BLOCK + beside)
    level = _spectrogram_db(audio[low * size.hop : (high - 1) * size.hop + size.window], size)
    highest = maximum_filter(level, tuple(2 * side + 1 for side in APART), mode="nearest")
    loudest = maximum_filter(level.max(1), 2 * beside + 1, mode="nearest")[:, None]
    is_peak = (level == highest) & (level > np.maximum(loudest - PROMINENT_DB, AUDIBLE_DB))
    own = is_peak[start - low : start - low + BLOCK]
    times, bins = np.nonzero(own)
    return np.stack([times + start, bins])


def _spectrogram_db(audio: NDArray[np.float32], size: Grid) -> NDArray[np.float32]:
    """Return the power of each frame and bin that is looked at, in decibels."""
    shape = np.hanning(size.window + 1)[:-1].astype(np.float32)
    cut = sliding_window_view(audio, size.window)[:: size.hop]
    parts = []
    for some in np.array_split(cut, math.ceil(len(cut) / 256)):
        spectrum = np.fft.rfft(some * shape)[:, size.first : size.last]
        power = spectrum.real**2 + spectrum.imag**2
        parts.append((10 * np.log10(power + 1e-12)).astype(np.float32))
    return np.concatenate(parts)


def _pairs(peaks: NDArray[np.int64]) -> Landmarks:
    """Name each peak together with the next few that are near in time and pitch."""
    times, bins = peaks
    count = np.zeros(len(times), np.int64)
    names, frames = [], []
    for step in range(1, min(SEARCHED, len(times) - 1) + 1):
        ahead, interval = times[step:] - times[:-step], bins[step:] - bins[:-step]
        near = (AHEAD[0] <= ahead) & (ahead <= AHEAD[1]) & (abs(interval) <= INTERVAL)
        near &= count[:-step] < PARTNERS
        count[:-step] += near
        name = (bins[:-step] * 2 * (INTERVAL + 1) + interval + INTERVAL) * (AHEAD[1] + 1) + ahead
        names.append(name[near])
        frames.append(times[:-step][near])
    if not names:
        return Landmarks(np.zeros(0, np.int32), np.zeros(0, np.int32))
    return Landmarks(*(np.concatenate(part).astype(np.int32) for part in (names, frames)))
