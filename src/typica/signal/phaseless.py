"""Representations without phase: magnitudes, and logarithms of mel spectra."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from typica.core.errors import ConfigError
from typica.signal.griffin_lim import ITERATIONS, griffin_lim
from typica.signal.mel import Formula, mel_filters, mel_to_magnitude
from typica.signal.scaling import SMALLEST, exp_magnitudes, log_magnitudes
from typica.signal.short_time import ShortTime
from typica.signal.spectrum import stft
from typica.signal.spectrum_blocks import stft_blocks


@dataclass(frozen=True, kw_only=True)
class Phaseless(ShortTime):
    """What is read off magnitudes alone.

    Decoding finds magnitudes that have the code, and audio that has the magnitudes, by fast
    Griffin-Lim from the same noise for each example: it is deterministic, and no gradient passes.

    Attributes:
        iterations: Of Griffin-Lim.
    """

    iterations: int = ITERATIONS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations < 0:
            raise ConfigError(f"Griffin-Lim needs 0 iterations or more; got {self.iterations}")

    def encode(self, audio: Tensor) -> Tensor:
        """Return the code, (..., time) to (..., bins or bands, frames)."""
        return self._code(stft(audio, window=self.window, hop=self.hop).abs())

    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See `BlockEncoder.encode_blocks`."""
        for spectrum in stft_blocks(blocks, window=self.window, hop=self.hop):
            yield self._code(spectrum.abs())

    def decode(self, code: Tensor, *, length: int) -> Tensor:
        """Find audio that nearly has this code, (..., bins or bands, frames) to (..., length)."""
        noise = torch.randn(length, generator=torch.Generator().manual_seed(0))
        magnitudes = self._magnitudes(code)
        return griffin_lim(
            magnitudes,
            length=length,
            window=self.window,
            hop=self.hop,
            iterations=self.iterations,
            start=noise.to(magnitudes).expand(*code.shape[:-2], length),
        )

    @abstractmethod
    def _code(self, magnitudes: Tensor) -> Tensor:
        """Return the code of magnitudes (..., bins, frames)."""

    @abstractmethod
    def _magnitudes(self, code: Tensor) -> Tensor:
        """Return magnitudes that have nearly that code."""


class Magnitude(Phaseless):
    """The magnitudes of the short-time spectrum, (..., time) to (..., bins, frames)."""

    kind = "magnitude"

    @property
    def lost(self) -> str:
        """See `Representation.lost`."""
        return "the phase"

    def _code(self, magnitudes: Tensor) -> Tensor:
        return magnitudes

    def _magnitudes(self, code: Tensor) -> Tensor:
        return code


@dataclass(frozen=True, kw_only=True)
class LogMel(Phaseless):
    """ln max(mel spectrum of magnitudes, smallest), as vocoders are told it.

    Source: Shen et al. 2018, https://arxiv.org/abs/1712.05884, section 2.1.

    Attributes:
        rate: Sampling rate in hertz.
        bands: Number of mel bands.
        low: Lowest frequency in hertz.
        high: Highest frequency in hertz; half the rate where None.
        formula: Which mel: "slaney" or "htk".
        smallest: What is softer counts as silence.

    Raises:
        ConfigError: There are more bands than the window can fill, or a size is none.
    """

    kind: ClassVar[str] = "log-mel"

    rate: int
    bands: int = 80
    low: float = 0.0
    high: float | None = None
    formula: Formula = "slaney"
    smallest: float = SMALLEST

    def __post_init__(self) -> None:
        super().__post_init__()
        self._code(torch.zeros(self.window // 2 + 1, 1))

    @property
    def lost(self) -> str:
        """See `Representation.lost`."""
        return "the phase, partials that share a mel band, and what lies outside of all bands"

    def shape(self, length: int) -> tuple[int, ...]:
        """Return bands and frames of so many samples."""
        return self.bands, super().shape(length)[-1]

    def _code(self, magnitudes: Tensor) -> Tensor:
        filters = mel_filters(
            self.rate,
            bands=self.bands,
            window=self.window,
            low=self.low,
            high=self.high,
            formula=self.formula,
        )
        return log_magnitudes(filters.to(magnitudes) @ magnitudes, smallest=self.smallest)

    def _magnitudes(self, code: Tensor) -> Tensor:
        return mel_to_magnitude(
            exp_magnitudes(code),
            rate=self.rate,
            window=self.window,
            low=self.low,
            high=self.high,
            formula=self.formula,
        )
