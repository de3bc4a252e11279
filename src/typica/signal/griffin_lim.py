"""Audio from magnitudes alone: the algorithm of Griffin and Lim, and its fast version."""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ConfigError
from typica.signal.constant_q import ConstantQ
from typica.signal.phase import with_random_phase
from typica.signal.spectrum import HOP, WINDOW, check_spectrum, stft

ITERATIONS, MOMENTUM = 32, 0.99
TINY = {torch.float32: 1e-30, torch.float64: 1e-60}  # keeps 0 / 0 from being met


def griffin_lim(
    magnitudes: Tensor,
    *,
    length: int,
    window: int = WINDOW,
    hop: int = HOP,
    iterations: int = ITERATIONS,
    momentum: float = MOMENTUM,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Find audio whose short-time spectrum has nearly the given magnitudes.

    Each iteration gives the estimate t the magnitudes, makes audio of it, and takes that audio's
    spectrum c[n]; the next estimate is t = c[n] + momentum (c[n] - c[n - 1]). Without momentum
    the spectral convergence never gets worse; with 0.99 it gets better, faster, in most steps.

    Source: Griffin and Lim 1984; Perraudin, Balazs and Sondergaard 2013, algorithm 2.

    Args:
        magnitudes: Shape (..., window // 2 + 1, frames), at least 0.
        length: Samples to return: those of the audio that the magnitudes are of.
        window: As for `stft`.
        hop: As for `stft`.
        iterations: Number of iterations; each costs a spectrum and its inverse.
        momentum: 0 for the algorithm of 1984.
        start: Audio (..., length) whose phase is begun with, as from an earlier call; a random
            phase where None.
        generator: What the random phase is drawn from.

    Returns:
        Shape (..., length), on the device of the magnitudes; no gradient passes.

    Raises:
        ConfigError: There are less than 0 iterations or a momentum below 0.
        ShapeError: The magnitudes are not of the length, or `start` is not of their batch.
    """
    check_spectrum(magnitudes, length=length, window=window, hop=hop)
    _check_steps(iterations, momentum)
    with torch.no_grad():
        if start is None:
            estimate = with_random_phase(magnitudes, generator=generator)
        else:
            estimate = stft(start, window=window, hop=hop)
            check_spectrum(estimate, length=length, window=window, hop=hop)
        frames = _Frames(length, window, hop, magnitudes)
        # Frames lie in rows, so that each is transformed and added without strides.
        targets = magnitudes.flatten(0, -3).mT if magnitudes.ndim > 2 else magnitudes.mT[None]
        begin = estimate.reshape(-1, *estimate.shape[-2:]).mT
        audio = _iterate(frames, targets.contiguous(), begin, iterations, momentum)
    return audio.reshape(*magnitudes.shape[:-2], length)


def constant_q_griffin_lim(
    magnitudes: Tensor,
    transform: ConstantQ,
    *,
    length: int,
    iterations: int = ITERATIONS,
    momentum: float = MOMENTUM,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Find audio whose constant-Q spectrum has nearly the given magnitudes: see `griffin_lim`.

    A constant-Q spectrum has many more coefficients than a short-time one, and takes ten times
    as long or more.

    Args:
        magnitudes: Shape (..., bins + 2, frames), at least 0.
        transform: What they are magnitudes of.
        length: Samples to return: those of the audio that the magnitudes are of.
        iterations: Number of iterations.
        momentum: As for `griffin_lim`.
        start: Audio (..., length) whose phase is begun with; a random phase where None.
        generator: What the random phase is drawn from.

    Returns:
        Shape (..., length); no gradient passes.

    Raises:
        ConfigError: There are less than 0 iterations or a momentum below 0.
        ShapeError: The magnitudes are not of the length, or `start` is not.
    """
    _check_steps(iterations, momentum)
    with torch.no_grad():
        if start is None:
            estimate = with_random_phase(magnitudes, generator=generator)
        else:
            estimate = transform.encode(start)
        frames = _Bands(transform, length)
        return _iterate(frames, magnitudes, estimate, iterations, momentum)


class _Between(Protocol):
    """Between audio and its spectra, of whatever kind."""

    def spectrum(self, audio: Tensor) -> Tensor:
        """Return the spectra of audio."""

    def audio(self, spectrum: Tensor) -> Tensor:
        """Return the audio nearest to spectra."""


def _iterate(
    frames: _Between, targets: Tensor, estimate: Tensor, iterations: int, momentum: float
) -> Tensor:
    """Alternate between the spectra of audio and those of the given magnitudes."""
    # t / |t| alone counts, so that c + momentum (c - before) may be halved or so.
    share = momentum / (1 + momentum)
    estimate = _with_magnitudes(estimate.contiguous(), targets)
    before = None
    for _ in range(iterations):
        spectrum = frames.spectrum(frames.audio(estimate))
        estimate = spectrum if before is None else spectrum.sub(before, alpha=share)
        before = spectrum if momentum else None
        if before is estimate:
            estimate = estimate.clone()
        estimate = _with_magnitudes(estimate, targets)
    return frames.audio(estimate)


def _with_magnitudes(spectrum: Tensor, targets: Tensor) -> Tensor:
    """Give a spectrum other magnitudes, in place; where it is 0 it stays so."""
    parts = torch.view_as_real(spectrum)
    power = parts.square() @ parts.new_ones(2)
    scale = power.clamp_(min=TINY[power.dtype]).rsqrt_().mul_(targets)
    return spectrum.mul_(scale)


def _check_steps(iterations: int, momentum: float) -> None:
    if iterations < 0 or momentum < 0:
        raise ConfigError(
            f"Griffin-Lim needs iterations and a momentum of at least 0; got "
            f"iterations={iterations}, momentum={momentum}"
        )


class _Bands:
    """Between audio (..., length) and its constant-Q spectra."""

    def __init__(self, transform: ConstantQ, length: int) -> None:
        self.transform, self.length = transform, length

    def spectrum(self, audio: Tensor) -> Tensor:
        """Return the spectra of audio."""
        return self.transform.encode(audio)

    def audio(self, spectrum: Tensor) -> Tensor:
        """Return the audio nearest to spectra."""
        return self.transform.decode(spectrum, length=self.length)


class _Frames:
    """Between audio (batch, length) and its frames' spectra (batch, frames, bins), as `stft`."""

    def __init__(self, length: int, window: int, hop: int, like: Tensor) -> None:
        self.length, self.window, self.hop = length, window, hop
        self.overlap = math.ceil(window / hop)
        self.shape = torch.hann_window(window, dtype=like.dtype, device=like.device)
        count = length // hop + 1
        squares = self._added(self.shape.square().expand(1, count, window))
        self.scale = 1 / squares

    def spectrum(self, audio: Tensor) -> Tensor:
        """Return the spectra of audio."""
        padded = F.pad(audio, (self.window // 2, self.window // 2))
        return torch.fft.rfft(padded.unfold(-1, self.window, self.hop) * self.shape)

    def audio(self, spectrum: Tensor) -> Tensor:
        """Return the audio nearest to spectra."""
        frames = torch.fft.irfft(spectrum, self.window)
        return self._added(frames.mul_(self.shape)).mul_(self.scale)

    def _added(self, frames: Tensor) -> Tensor:
        """Add frames where they overlap, and cut the padding off."""
        frames = F.pad(frames, (0, self.overlap * self.hop - self.window))
        batch, count, _ = frames.shape
        pieces = frames.view(batch, count, self.overlap, self.hop)
        total = frames.new_zeros(batch, count + self.overlap - 1, self.hop)
        for place in range(self.overlap):
            total[:, place : place + count] += pieces[:, :, place]
        half = self.window // 2
        return total.view(batch, -1)[:, half : half + self.length].contiguous()
