"""Filters by their impulse responses: noise that is shaped frame by frame, and rooms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError
from typica.signal.audio import check_audio
from typica.signal.overlap import overlap_add


def convolve(audio: Tensor, response: Tensor) -> Tensor:
    """Return the full convolution along time by fast Fourier transforms; differentiable.

    Args:
        audio: Shape (..., time).
        response: Shape (..., taps); leading dimensions are broadcast.

    Returns:
        Shape (..., time + taps - 1).

    Raises:
        ShapeError: One of them has no samples, or they are no 32- or 64-bit floats.
    """
    check_audio(audio)
    check_audio(response, "a response")
    length = audio.shape[-1] + response.shape[-1] - 1
    size = 1 << (length - 1).bit_length()
    product = torch.fft.rfft(audio, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(product, size)[..., :length]


def reverberate(audio: Tensor, response: Tensor) -> Tensor:
    """Add a room to dry audio: x + x * h, of which h[0] counts as 0, for that is the dry sound.

    Source: Engel et al. 2020, https://arxiv.org/abs/2001.04643, section 3.4.

    Args:
        audio: Shape (..., time).
        response: The room's impulse response, shape (..., taps).

    Returns:
        Shape (..., time): what rings on after the end is cut off.

    Raises:
        ShapeError: As for `convolve`.
    """
    check_audio(audio)
    return next(reverberate_blocks([audio], response))


def reverberate_blocks(blocks: Iterable[Tensor], response: Tensor) -> Iterator[Tensor]:
    """Do what `reverberate` does, to audio that comes block by block.

    A block costs as much as one of a response's length: short ones are dear.

    Args:
        blocks: Of shape (..., time) each, of any sizes.
        response: The room's impulse response, shape (..., taps).

    Yields:
        Each block with what rings on under it, (..., time).
    """
    echoes = torch.cat([torch.zeros_like(response[..., :1]), response[..., 1:]], dim=-1)
    ringing = response.new_zeros(response.shape[-1] - 1)
    for audio in blocks:
        time = audio.shape[-1]
        if not time:
            yield audio
            continue
        full = convolve(audio, echoes)
        full = full + F.pad(ringing, (0, time))
        yield audio + full[..., :time]
        ringing = full[..., time:]


def decaying_response(
    taps: int,
    *,
    rate: int,
    decay_s: float,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return an artificial room: noise that falls by 60 dB within `decay_s`, shape (taps,).

    Its energy is about gain^2, whatever its length.

    Raises:
        ConfigError: There are no taps, or no time to decay in.
    """
    if taps < 1 or decay_s <= 0:
        raise ConfigError(
            f"a room needs at least 1 tap and decays in more than 0 s; got {taps} and {decay_s}"
        )
    device = generator.device if generator is not None else None
    noise = torch.randn(taps, generator=generator, device=device)
    fall = torch.exp(-math.log(1000) / (decay_s * rate) * torch.arange(taps, device=noise.device))
    return gain * noise * fall / torch.linalg.vector_norm(fall)


def filter_frames(audio: Tensor, magnitudes: Tensor, *, hop: int) -> Tensor:
    """Filter each stretch of `hop` samples by magnitudes of its own, without delay.

    The magnitudes' impulse response, of 2 (bands - 1) taps, is symmetric about 0 and shaped by
    a Hann window; each stretch rings on under the next. Magnitudes of 1 change nothing.

    Source: Engel et al. 2020, https://arxiv.org/abs/2001.04643, section 3.3.

    Args:
        audio: Shape (..., frames * hop).
        magnitudes: From 0 Hz to half the rate, at equal distances, (..., bands, frames).
        hop: Samples a frame.

    Returns:
        Shape (..., frames * hop).

    Raises:
        ShapeError: There are less than 2 bands, or not as many samples as frames need.
    """
    bands, frames = magnitudes.shape[-2:]
    if bands < 2 or audio.shape[-1] != frames * hop:
        raise ShapeError(
            f"magnitudes (..., bands, frames) filter frames * hop = {frames * hop} samples by at "
            f"least 2 bands; got audio {tuple(audio.shape)}, magnitudes {tuple(magnitudes.shape)}"
        )
    half = bands - 1
    response = torch.fft.irfft(magnitudes.mT.to(audio.dtype), 2 * half).roll(half, -1)
    response = response * torch.hann_window(2 * half, dtype=audio.dtype, device=audio.device)
    ringing = convolve(audio.unflatten(-1, (frames, hop)), response)
    return overlap_add(ringing, hop)[..., half : half + frames * hop]


def filtered_noise(
    magnitudes: Tensor, *, hop: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return uniform noise in [-1, 1], filtered by `filter_frames`, (..., frames * hop).

    Args:
        magnitudes: Shape (..., bands, frames).
        hop: Samples a frame.
        generator: What the noise is drawn from; torch's own where None.
    """
    noise = torch.rand(
        *magnitudes.shape[:-2],
        magnitudes.shape[-1] * hop,
        generator=generator,
        dtype=magnitudes.dtype,
        device=magnitudes.device,
    )
    return filter_frames(2 * noise - 1, magnitudes, hop=hop)
