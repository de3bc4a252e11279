"""The phase of spectra: unwrapped, as instantaneous frequency, at random, or another sound's."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ShapeError
from typica.signal.spectrum import HOP, WINDOW


def wrap(angle: Tensor) -> Tensor:
    """Return angles in radians, less whole turns: in [-pi, pi)."""
    # In float32 the remainder itself may round up to a whole turn.
    turned = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
    return torch.where(turned >= math.pi, turned - 2 * math.pi, turned)


def unwrap(phase: Tensor, *, dim: int = -1) -> Tensor:
    """Add whole turns so that neighbours along `dim` differ by at most half a turn.

    A step of exactly half a turn keeps its sign, as in `numpy.unwrap`. The result need not rise:
    it may turn either way. Turns are counted in float64, but those of a long float32 result
    cost its fraction digits: prefer `instantaneous_frequency`, which stays bounded.

    Args:
        phase: Angles in radians, any shape.
        dim: Along which neighbours are compared.
    """
    steps = phase.diff(dim=dim)
    wrapped = _shortest(steps)
    # The correction is a whole number of turns: rounded to it, no error adds up.
    turns = ((wrapped - steps).double() / (2 * math.pi)).round().cumsum(dim)
    first = phase.narrow(dim, 0, 1)
    rest = phase.narrow(dim, 1, steps.shape[dim]) + (2 * math.pi * turns).to(phase.dtype)
    return torch.cat([first, rest], dim=dim)


def instantaneous_frequency(phase: Tensor) -> Tensor:
    """Return how far the phase turns from each frame to the next, in half turns.

    Frame t holds wrap(phase[t] - phase[t - 1]) / pi, which is the difference of the unwrapped
    phase without its loss of digits; frame 0 holds phase[0] / pi. It is constant while a
    steady sine sounds, and differentiable wherever the phase is.

    Source: Engel et al. 2019, https://arxiv.org/abs/1902.08710, section 2.3.

    Args:
        phase: Angles in radians, shape (..., frames).

    Returns:
        Shape (..., frames), in [-1, 1].
    """
    # Whole turns are no float32 number: taken out in it, each leaves an error of one sign.
    fine = phase.double()
    steps = torch.cat([fine[..., :1], fine.diff(dim=-1)], dim=-1)
    return (_shortest(steps) / math.pi).to(phase.dtype)


def accumulated_phase(frequency: Tensor) -> Tensor:
    """Return the phase, in [-pi, pi), whose instantaneous frequency is given: its inverse.

    Args:
        frequency: Half turns a frame, shape (..., frames), as `instantaneous_frequency` says.
    """
    # Summed in float64: an error made once would stay in all frames after it.
    return wrap(math.pi * frequency.double().cumsum(-1)).to(frequency.dtype)


def frequency_hertz(phase: Tensor, *, rate: int, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return the frequency in hertz that turns each bin's phase from frame to frame.

    (k / window + deviation / (2 pi hop)) rate with deviation = wrap(step - 2 pi k hop / window):
    of the frequencies that turn the phase so, the nearest to the middle of bin k.

    Source: Flanagan and Golden 1966, "Phase vocoder".

    Args:
        phase: Angles in radians of a short-time spectrum, (..., window // 2 + 1, frames).
        rate: Sampling rate in hertz.
        window: As for `stft`.
        hop: As for `stft`.

    Returns:
        Shape (..., window // 2 + 1, frames - 1).
    """
    bins = torch.arange(phase.shape[-2], dtype=torch.float64, device=phase.device)[:, None]
    # Whole turns are taken out of the expected step in float64, where they cost nothing.
    expected = wrap(2 * math.pi * bins * hop / window).to(phase.dtype)
    deviation = wrap(phase.diff(dim=-1) - expected)
    return (bins.to(phase.dtype) / window + deviation / (2 * math.pi * hop)) * rate


def with_phase(magnitudes: Tensor, phase: Tensor) -> Tensor:
    """Return the complex spectrum of magnitudes and angles in radians, of one shape.

    Raises:
        ShapeError: They are not of one shape.
    """
    _check_alike(magnitudes, phase)
    return torch.polar(magnitudes, phase.to(magnitudes.dtype))


def with_phase_of(magnitudes: Tensor, spectrum: Tensor) -> Tensor:
    """Return a spectrum of given magnitudes with another's phase; where that is 0, phase 0.

    Undone by nothing: the phase belongs to the partials of the sound it was taken from. It
    serves where magnitudes were changed a little, by a mask or a filter.

    Args:
        magnitudes: Shape (..., bins, frames), at least 0.
        spectrum: Complex, of that shape.

    Raises:
        ShapeError: They are not of one shape.
    """
    _check_alike(magnitudes, spectrum)
    size = spectrum.abs()
    turns = torch.where(size > 0, spectrum / torch.where(size > 0, size, 1), 1)
    return magnitudes * turns


def with_random_phase(magnitudes: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Return a spectrum of given magnitudes whose phases are drawn uniformly.

    The outermost bins, 0 Hz and half the rate, are real in the spectrum of real audio: there
    only the sign is drawn.

    Args:
        magnitudes: Shape (..., bins, frames), at least 0.
        generator: What to draw from; torch's own where None.
    """
    turns = torch.rand(
        magnitudes.shape, generator=generator, dtype=magnitudes.dtype, device=magnitudes.device
    )
    inner = F.pad(torch.ones_like(turns[..., 2:, :1]), (0, 0, 1, 1))
    turns = torch.where(inner > 0, turns, (turns >= 0.5) / 2)
    return torch.polar(magnitudes, 2 * math.pi * turns)


def _shortest(steps: Tensor) -> Tensor:
    """Wrap steps to [-pi, pi], where half a turn keeps its sign."""
    wrapped = wrap(steps)
    return torch.where((wrapped == -math.pi) & (steps > 0), -wrapped, wrapped)


def _check_alike(magnitudes: Tensor, other: Tensor) -> None:
    if magnitudes.shape != other.shape:
        raise ShapeError(
            f"magnitudes and phase must have one shape; got {tuple(magnitudes.shape)} and "
            f"{tuple(other.shape)}"
        )
