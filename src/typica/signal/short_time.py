"""Representations by short-time spectra: complex, as magnitude and phase, and as GANSynth's."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError
from typica.signal.phase import accumulated_phase, instantaneous_frequency, with_phase
from typica.signal.representation import BlockDecoder, BlockEncoder, Representation
from typica.signal.scaling import SHIFT, shifted_exp, shifted_log
from typica.signal.spectrum import HOP, WINDOW, check_sizes, istft, stft
from typica.signal.spectrum_blocks import istft_blocks, stft_blocks


@dataclass(frozen=True, kw_only=True)
class ShortTime(Representation, BlockEncoder):
    """What all short-time spectra have in common.

    Attributes:
        window: Length of a frame in samples, even.
        hop: Samples from one frame to the next, at most half a window.

    Raises:
        ConfigError: A spectrum of these sizes has no inverse.
    """

    window: int = WINDOW
    hop: int = HOP

    def __post_init__(self) -> None:
        check_sizes(self.window, self.hop)

    def shape(self, length: int) -> tuple[int, ...]:
        """Return bins and frames of so many samples."""
        return self.window // 2 + 1, length // self.hop + 1


class ShortTimeSpectrum(ShortTime, BlockDecoder):
    """The complex short-time spectrum itself: (..., time) to (..., bins, frames), complex."""

    kind = "stft"

    def encode(self, audio: Tensor) -> Tensor:
        """See `stft`."""
        return stft(audio, window=self.window, hop=self.hop)

    def decode(self, code: Tensor, *, length: int) -> Tensor:
        """See `istft`."""
        return istft(code, length=length, window=self.window, hop=self.hop)

    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See `stft_blocks`."""
        return stft_blocks(blocks, window=self.window, hop=self.hop)

    def decode_blocks(
        self, codes: Iterable[Tensor], *, length: int | None = None
    ) -> Iterator[Tensor]:
        """See `istft_blocks`."""
        return istft_blocks(codes, length=length, window=self.window, hop=self.hop)


@dataclass(frozen=True, kw_only=True)
class Polar(ShortTime, BlockDecoder):
    """Two real numbers a bin: ln(magnitude + shift), and one that tells the phase.

    Attributes:
        shift: What is added to magnitudes, so that silence has a logarithm.
    """

    shift: float = SHIFT

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.shift > 0:
            raise ConfigError(f"magnitudes are shifted by more than 0; got shift={self.shift}")

    def shape(self, length: int) -> tuple[int, ...]:
        """Return channels (magnitude, phase), bins and frames of so many samples."""
        return 2, *super().shape(length)

    def encode(self, audio: Tensor) -> Tensor:
        """Return magnitude and phase, (..., time) to (..., 2, bins, frames)."""
        spectrum = stft(audio, window=self.window, hop=self.hop)
        return self._code(spectrum, self._told(spectrum.angle()))

    def decode(self, code: Tensor, *, length: int) -> Tensor:
        """Return the audio of a code, (..., 2, bins, frames) to (..., length)."""
        spectrum = self._spectrum(code, self._phase(_told(code)))
        return istft(spectrum, length=length, window=self.window, hop=self.hop)

    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See `BlockEncoder.encode_blocks`."""
        before = None
        for spectrum in stft_blocks(blocks, window=self.window, hop=self.hop):
            phase = spectrum.angle()
            yield self._code(spectrum, self._told(phase, before) if phase.numel() else phase)
            before = phase[..., -1:] if phase.numel() else before

    def decode_blocks(
        self, codes: Iterable[Tensor], *, length: int | None = None
    ) -> Iterator[Tensor]:
        """See `BlockDecoder.decode_blocks`."""
        return istft_blocks(self._spectra(codes), length=length, window=self.window, hop=self.hop)

    def _spectra(self, codes: Iterable[Tensor]) -> Iterator[Tensor]:
        before = None
        for code in codes:
            told = _told(code)
            phase = self._phase(told, before) if told.numel() else told
            yield self._spectrum(code, phase)
            before = phase[..., -1:] if phase.numel() else before

    def _code(self, spectrum: Tensor, told: Tensor) -> Tensor:
        return torch.stack([shifted_log(spectrum.abs(), shift=self.shift), told], dim=-3)

    def _spectrum(self, code: Tensor, phase: Tensor) -> Tensor:
        return with_phase(shifted_exp(code[..., 0, :, :], shift=self.shift), phase)

    @abstractmethod
    def _told(self, phase: Tensor, before: Tensor | None = None) -> Tensor:
        """Return half turns that tell the phase of frames; `before` is that of the last one."""

    @abstractmethod
    def _phase(self, told: Tensor, before: Tensor | None = None) -> Tensor:
        """Undo `_told`."""


class MagnitudeAndPhase(Polar):
    """Magnitude, and the phase itself in half turns, in [-1, 1]."""

    kind = "magnitude-phase"

    def _told(self, phase: Tensor, before: Tensor | None = None) -> Tensor:
        return phase / math.pi

    def _phase(self, told: Tensor, before: Tensor | None = None) -> Tensor:
        return told * math.pi


class MagnitudeAndFrequency(Polar):
    """Magnitude, and instantaneous frequency in half turns a frame, in [-1, 1].

    Source: Engel et al. 2019, https://arxiv.org/abs/1902.08710 (GANSynth), section 2.3.
    """

    kind = "instantaneous-frequency"

    def _told(self, phase: Tensor, before: Tensor | None = None) -> Tensor:
        if before is None:
            return instantaneous_frequency(phase)
        return instantaneous_frequency(torch.cat([before, phase], dim=-1))[..., 1:]

    def _phase(self, told: Tensor, before: Tensor | None = None) -> Tensor:
        # In float64 from piece to piece: an error made once would stay in all frames after it.
        steps = told.double()
        if before is None:
            return accumulated_phase(steps)
        return accumulated_phase(torch.cat([before / math.pi, steps], dim=-1))[..., 1:]


def _told(code: Tensor) -> Tensor:
    """Return the channel that tells the phase.

    Raises:
        ShapeError: The code has not two channels.
    """
    if code.ndim < 3 or code.shape[-3] != 2:
        raise ShapeError(
            f"magnitude and phase have shape (..., 2, bins, frames); got {tuple(code.shape)}"
        )
    return code[..., 1, :, :]
