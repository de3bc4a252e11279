"""What can be heard in a stream, frame by frame: level, mel spectrum and flatness."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from typica.signal.mel import mel_filters
from typica.typicality.monitor.grid import BANDS, Grid

TINY = 1e-10  # power: -100 dB, under one level of 16-bit PCM
FLATNESS_FROM_HZ = 60.0  # below it recordings hold nothing, or hum


class Frames(NamedTuple):
    """A row of frames.

    Attributes:
        spectrum_db: Mel spectrum in decibels, (frames, bands).
        flatness: Logarithm of the spectral flatness, (frames,): 0 is the most, -0.58 white noise.
        power: Mean square of the samples that are new in each, (frames,).
    """

    spectrum_db: NDArray[np.float64]
    flatness: NDArray[np.float64]
    power: NDArray[np.float64]

    @classmethod
    def none(cls) -> Frames:
        """Return a row of no frames."""
        return cls(np.zeros((0, BANDS)), np.zeros(0), np.zeros(0))

    @property
    def level_db(self) -> NDArray[np.float64]:
        """Level of each frame in decibels of full scale."""
        return decibels(self.power)


@dataclass(frozen=True)
class Ear:
    """Hears a stream in blocks of whole frames; it is a value and remembers half a frame.

    Attributes:
        grid: The sizes.
        past: The samples before, (frame - hop,): silence at first.
    """

    grid: Grid
    past: NDArray[np.float32]

    @classmethod
    def fresh(cls, grid: Grid) -> Ear:
        """Return an ear that has heard silence."""
        return cls(grid, np.zeros(grid.frame - grid.hop, np.float32))

    def hear(self, audio: NDArray[np.float32]) -> tuple[Frames, Ear]:
        """Listen to samples (frames * hop,); frame m ends where hop m does: none looks ahead."""
        hop, frame = self.grid.hop, self.grid.frame
        whole = np.concatenate([self.past, audio])
        shape, filters, first = _analysis(self.grid)
        spectrum = np.fft.rfft(sliding_window_view(whole, frame)[::hop] * shape)
        power = spectrum.real**2 + spectrum.imag**2
        audible = power[:, first:] + TINY
        flatness = np.log(audible).mean(1) - np.log(audible.mean(1))
        level = np.square(audio.reshape(-1, hop)).mean(1)
        frames = Frames(decibels(power @ filters), flatness, level)
        return frames, replace(self, past=whole[len(whole) - len(self.past) :])


def decibels(power: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Return ten times the common logarithm of power, none below -100 dB."""
    return 10 * np.log10(np.maximum(np.asarray(power, np.float64), TINY))


@cache
def _analysis(grid: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Return the window, the mel filters (bins, bands) and the first bin that flatness sees."""
    shape = np.hanning(grid.frame + 1)[:-1]
    shape /= np.sqrt(np.square(shape).sum())  # white noise keeps its power in every bin
    filters = mel_filters(grid.rate, bands=BANDS, window=grid.frame).numpy().T
    filters = filters / filters.sum(0)
    first = max(1, round(FLATNESS_FROM_HZ * grid.frame / grid.rate))
    return shape.astype(np.float32), filters, first
