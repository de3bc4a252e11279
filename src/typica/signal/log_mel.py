"""Logarithms of mel spectra: what vocoders are told, and a way back without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from typica.core.errors import ConfigError
from typica.signal.griffin_lim import ITERATIONS, griffin_lim
from typica.signal.mel import Formula, mel_filters, mel_to_magnitude
from typica.signal.representation import BlockEncoder
from typica.signal.scaling import SMALLEST, exp_magnitudes, log_magnitudes
from typica.signal.spectrum import HOP, WINDOW, check_sizes, stft
from typica.signal.spectrum_blocks import stft_blocks


@dataclass(frozen=True)
class LogMel(BlockEncoder):
    """ln max(mel spectrum of magnitudes, smallest), as Tacotron 2 and WaveGlow use it.

    Decoding finds magnitudes that have the mel spectrum, and audio that has the magnitudes, by
    fast Griffin-Lim from one and the same noise for each example: it is deterministic, and no
    gradient passes.

    Attributes:
        rate: Sampling rate in hertz.
        bands: Number of mel bands.
        window: Length of a frame in samples, even.
        hop: Samples from one frame to the next.
        low: Lowest frequency in hertz.
        high: Highest frequency in hertz; half the rate where None.
        formula: Which mel: "slaney" or "htk".
        smallest: Magnitudes below it count as silence.
        iterations: Of Griffin-Lim.

    Raises:
        ConfigError: There are more bands than the window can fill, or a size is none.
    """

    kind: ClassVar[str] = "log-mel"

    rate: int
    bands: int = 80
    window: int = WINDOW
    hop: int = HOP
    low: float = 0.0
    high: float | None = None
    formula: Formula = "slaney"
    smallest: float = SMALLEST
    iterations: int = ITERATIONS

    def __post_init__(self) -> None:
        check_sizes(self.window, self.hop)
        log_magnitudes(self._filters(), smallest=self.smallest)
        if self.iterations < 0:
            raise ConfigError(f"Griffin-Lim needs 0 iterations or more; got {self.iterations}")

    @property
    def lost(self) -> str:
        """See `Representation.lost`."""
        return "the phase, partials that share a mel band, and what lies outside of all bands"

    def shape(self, length: int) -> tuple[int, ...]:
        """Return bands and frames of so many samples."""
        return self.bands, length // self.hop + 1

    def encode(self, audio: Tensor) -> Tensor:
        """Return the logarithms, (..., time) to (..., bands, frames)."""
        return self._logarithms(stft(audio, window=self.window, hop=self.hop))

    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See `BlockEncoder.encode_blocks`."""
        return map(self._logarithms, stft_blocks(blocks, window=self.window, hop=self.hop))

    def decode(self, code: Tensor, *, length: int) -> Tensor:
        """Find audio that has nearly this mel spectrum, (..., bands, frames) to (..., length)."""
        magnitudes = mel_to_magnitude(
            exp_magnitudes(code),
            rate=self.rate,
            window=self.window,
            low=self.low,
            high=self.high,
            formula=self.formula,
        )
        noise = torch.randn(length, generator=torch.Generator().manual_seed(0))
        return griffin_lim(
            magnitudes,
            length=length,
            window=self.window,
            hop=self.hop,
            iterations=self.iterations,
            start=noise.to(code).expand(*code.shape[:-2], length),
        )

    def _logarithms(self, spectrum: Tensor) -> Tensor:
        filters = self._filters().to(spectrum.real)
        return log_magnitudes(filters @ spectrum.abs(), smallest=self.smallest)

    def _filters(self) -> Tensor:
        return mel_filters(
            self.rate,
            bands=self.bands,
            window=self.window,
            low=self.low,
            high=self.high,
            formula=self.formula,
        )
