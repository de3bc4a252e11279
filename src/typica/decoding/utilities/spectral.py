"""Utilities of audio: how alike two recordings' spectra are, frame by frame."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.errors import ConfigError, ShapeError
from typica.decoding.utilities.utility import Indices, Utility, joined, stretches
from typica.signal.mel import mel_filters
from typica.signal.spectrum import decibels, magnitude

AT_ONCE = 1 << 18  # numbers of spectra that are compared at a time: what a cache holds


class _SpectralUtility(Utility[Tensor]):
    """exp(-d / scale), with d the log-spectral distance in decibels.

    The distance is the root of the mean square over frequencies of the difference in decibels,
    averaged over frames (Gray and Markel 1976, "Distance measures for speech processing"), and over
    channels and resolutions, if there are several.
    """

    symmetric = True

    scale_db: float
    floor_db: float

    @abstractmethod
    def _spectra(self, audio: Tensor) -> list[Tensor]:
        """Return magnitudes of audio (items, ..., time), shapes (items, ..., bands, frames)."""

    def pairs(
        self, items: Sequence[Tensor], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; items are audio (time,) or (channels, time), all of one shape.

        Arrays will do as well as tensors.
        """
        if not len(candidates):
            return np.zeros(0)
        with torch.no_grad():
            levels = [
                decibels(spectrum, floor_db=self.floor_db)
                for spectrum in self._spectra(_stacked(items))
            ]
        parts = []
        size = AT_ONCE // max(level[0].numel() for level in levels)
        for left, right in stretches(candidates, references, size):
            distances = [_distance(level[left], level[right]) for level in levels]
            parts.append(np.exp(-np.mean(distances, axis=0) / self.scale_db))
        return joined(parts)

    def _check(self, *windows: int) -> None:
        if not (self.scale_db > 0 and math.isfinite(self.floor_db)):
            raise ConfigError(
                f"a spectral utility needs scale_db above 0 and a finite floor_db, got "
                f"{self.scale_db:g} and {self.floor_db:g}"
            )
        for window in windows:
            if not (window >= 4 and window % 2 == 0):  # frames follow each other by a quarter
                raise ConfigError(
                    f"frames must have an even number of samples, at least 4, got {window}"
                )


@dataclass(frozen=True)
class LogSpectralSimilarity(_SpectralUtility):
    """Similarity of short-time spectra at several resolutions; see `scale_db`.

    Attributes:
        windows: Lengths of frames in samples, even; frames follow each other by a quarter.
        scale_db: Distance at which the similarity is 1 / e.
        floor_db: Level under which nothing counts; a sine of amplitude 1 has 0 dB.
    """

    windows: tuple[int, ...] = (256, 1024, 4096)
    scale_db: float = 10.0
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        self._check(*self.windows)
        if not self.windows:
            raise ConfigError("a spectral utility needs at least one length of window")

    def _spectra(self, audio: Tensor) -> list[Tensor]:
        return [_magnitude(audio, window) for window in self.windows]


@dataclass(frozen=True)
class LogMelSimilarity(_SpectralUtility):
    """Similarity of mel spectra: of what is heard rather than of what was recorded.

    Attributes:
        rate: Sampling rate in hertz.
        bands: Number of mel bands.
        window: Length of a frame in samples, even; frames follow each other by a quarter.
        scale_db: Distance at which the similarity is 1 / e.
        floor_db: Level under which nothing counts; in a band it is that of the mean power.
    """

    rate: int
    bands: int = 40
    window: int = 1024
    scale_db: float = 10.0
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        self._check(self.window)
        check_whole(rate=self.rate, bands=self.bands)
        mel_filters(self.rate, bands=self.bands, window=self.window)  # refuses what cannot be

    def _spectra(self, audio: Tensor) -> list[Tensor]:
        filters = mel_filters(self.rate, bands=self.bands, window=self.window)
        weights = (filters / filters.sum(-1, keepdim=True)).to(audio)
        return [(weights @ _magnitude(audio, self.window).square()).sqrt()]


def _magnitude(audio: Tensor, window: int) -> Tensor:
    # A Hann window adds up to half its length, and a sine has half its amplitude on either side.
    return magnitude(audio, window=window, hop=window // 4) * (4 / window)


def _distance(left: Tensor, right: Tensor) -> NDArray[np.float64]:
    """Return the log-spectral distance in decibels of levels (pairs, ..., bands, frames)."""
    frames = (left - right).square().mean(-2).sqrt()
    return frames.flatten(1).double().mean(1).cpu().numpy()


def _stacked(items: Sequence[Tensor]) -> Tensor:
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) > 1 or any(not shape or not shape[-1] for shape in shapes):
        raise ShapeError(
            f"audio must have one shape, (time,) or (channels, time), to be compared by spectra, "
            f"got {', '.join(map(str, sorted(shapes)))}"
        )
    return torch.stack([torch.as_tensor(item) for item in items]).float()
