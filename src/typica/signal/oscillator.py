"""Sines in sum: a bank of harmonic oscillators that keeps its phase and never aliases."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError

BLOCK = 1024  # samples
AT_ONCE = 1 << 15  # samples of partials that are made side by side: what the cache holds


def harmonic_oscillator(frequency: Tensor, amplitudes: Tensor, *, rate: int) -> Tensor:
    """Return sum_k a_k[n] sin(k phi[n]) with phi[n] = 2 pi sum_{m <= n} f[m] / rate.

    The first sample has the phase 2 pi f / rate already. A partial sounds only where
    k f < rate / 2. Turns are summed in float64, stretch by stretch, and whole ones left out, so
    that after many minutes the phase is as exact as at the beginning.

    Source: Engel et al. 2020, https://arxiv.org/abs/2001.04643, equations 2 and 3.

    Args:
        frequency: Fundamental in hertz for each sample, shape (..., time), at least 0.
        amplitudes: Of each partial, from the fundamental up, shape (..., harmonics, time).
        rate: Sampling rate in hertz.

    Returns:
        Shape (..., time), of the type of the amplitudes.

    Raises:
        ShapeError: The shapes do not belong together.
    """
    return next(harmonic_oscillator_blocks([(frequency, amplitudes)], rate=rate))


def harmonic_oscillator_blocks(
    controls: Iterable[tuple[Tensor, Tensor]], *, rate: int
) -> Iterator[Tensor]:
    """Return what `harmonic_oscillator` does, of controls that come block by block.

    Args:
        controls: Frequency (..., time) and amplitudes (..., harmonics, time) of each block, of
            any sizes.
        rate: Sampling rate in hertz.

    Yields:
        The samples of each block, (..., time): the phase goes on from one to the next.

    Raises:
        ShapeError: As for `harmonic_oscillator`.
    """
    before = torch.zeros(())
    for frequency, amplitudes in controls:
        _check_controls(frequency, amplitudes)
        turns = _fraction(_turns(frequency.double() / rate) + before)
        if turns.shape[-1]:
            before = turns[..., -1:]
        yield _sum_of_sines(turns, frequency, amplitudes, rate)


def harmonic_shares(distribution: Tensor, frequency: Tensor, *, rate: int) -> Tensor:
    """Return the distribution over partials, those at half the rate or above left out.

    What is left is scaled to sum to 1, so that its energy goes to the partials that sound;
    where none does, or all are 0, all are 0.

    Args:
        distribution: At least 0, shape (..., harmonics, frames).
        frequency: Fundamental in hertz, shape (..., frames).
        rate: Sampling rate in hertz.
    """
    partials = torch.arange(1, distribution.shape[-2] + 1, device=distribution.device)[:, None]
    audible = frequency[..., None, :] * partials < rate / 2
    kept = torch.where(audible, distribution, 0)
    total = kept.sum(-2, keepdim=True)
    return kept / torch.where(total > 0, total, 1)


def ramped(frames: Tensor, *, hop: int) -> Tensor:
    """Give controls that come every `hop` samples a value at each sample, by straight lines.

    Frame i stands at sample i hop; the last is held. (..., frames) becomes (..., frames * hop).
    """
    _check_hop(hop)
    following = torch.cat([frames[..., 1:], frames[..., -1:]], dim=-1)
    share = torch.arange(hop, dtype=frames.dtype, device=frames.device) / hop
    return (frames[..., None] + (following - frames)[..., None] * share).flatten(-2)


def windowed(frames: Tensor, *, hop: int) -> Tensor:
    """Give controls a value at each sample, by Hann windows of two hops, without a corner.

    As `ramped`, but from one frame to the next along half a cosine.
    """
    _check_hop(hop)
    following = torch.cat([frames[..., 1:], frames[..., -1:]], dim=-1)
    share = torch.arange(hop, dtype=frames.dtype, device=frames.device) / hop
    rise = 0.5 - 0.5 * torch.cos(math.pi * share)
    return (frames[..., None] + (following - frames)[..., None] * rise).flatten(-2)


def exp_sigmoid(values: Tensor) -> Tensor:
    """Return 2 sigmoid(x)^(ln 10) + 1e-7: amplitudes in decades, from nearly 0 to 2.

    Source: Engel et al. 2020, https://arxiv.org/abs/2001.04643, equation 5.
    """
    return 2 * (math.log(10) * F.logsigmoid(values)).exp() + 1e-7


def _sum_of_sines(turns: Tensor, frequency: Tensor, amplitudes: Tensor, rate: int) -> Tensor:
    """Add the partials, given the fundamental's phase in turns."""
    count = max(1, AT_ONCE // max(1, turns.shape[-1]))
    total = torch.zeros_like(amplitudes[..., 0, :])
    for index, some in enumerate(amplitudes.split(count, dim=-2)):
        partials = index * count + torch.arange(1, some.shape[-2] + 1, device=some.device)[:, None]
        angle = 2 * math.pi * _fraction(turns[..., None, :] * partials)
        audible = frequency[..., None, :] * partials < rate / 2
        sines = torch.where(audible, some * angle.to(some.dtype).sin(), 0)
        total = total + sines.sum(-2)
    return total


def _fraction(turns: Tensor) -> Tensor:
    """Leave whole turns out."""
    return turns - turns.detach().floor()


def _turns(steps: Tensor) -> Tensor:
    """Return the running sum of steps in turns, less whole ones that would cost digits."""
    # In one sum over minutes the rounding of ever larger numbers adds up, even in float64.
    length = steps.shape[-1]
    blocks = F.pad(steps, (0, -length % BLOCK)).unflatten(-1, (-1, BLOCK)).cumsum(-1)
    ends = _fraction(blocks[..., -1:])
    return (blocks + (ends.cumsum(-2) - ends)).flatten(-2)[..., :length]


def _check_controls(frequency: Tensor, amplitudes: Tensor) -> None:
    if amplitudes.ndim < 2 or amplitudes.shape[:-2] + amplitudes.shape[-1:] != frequency.shape:
        raise ShapeError(
            f"frequency (..., time) and amplitudes (..., harmonics, time) must belong together; "
            f"got {tuple(frequency.shape)} and {tuple(amplitudes.shape)}"
        )


def _check_hop(hop: int) -> None:
    if hop < 1:
        raise ConfigError(f"controls come every hop samples, at least 1; got hop={hop}")
