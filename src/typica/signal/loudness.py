"""How loud audio is: level, peak, silence, clipping and loudness.

Audio has shape (..., time), 32- or 64-bit floats: a ShapeError is raised where it has no samples.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.signal.audio import check_audio

SILENCE_DB = -60.0
FULL_SCALE = 0.975  # the outermost level of 8-bit quantisers lies above it: 0.9785 in mu-law
BLOCK_S, OVERLAP = 0.4, 4  # loudness blocks: 400 ms, each beginning a quarter after the last
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
RINGING_S = 0.5  # the K-weighting filter has died away to rounding by then


def level_db(audio: Tensor) -> Tensor:
    """Return the root mean square in decibels of full scale, shape (...), -inf for silence.

    A full-scale sine has -3.01 dB, a full-scale square wave 0 dB.
    """
    check_audio(audio)
    return 10 * audio.square().mean(-1).log10()


def peak(audio: Tensor) -> Tensor:
    """Return the largest absolute amplitude, shape (...)."""
    check_audio(audio)
    return audio.abs().amax(-1)


def clipped_share(audio: Tensor, *, limit: float = FULL_SCALE) -> Tensor:
    """Return the share of samples at or above `limit` in absolute amplitude, shape (...)."""
    check_audio(audio)
    return (audio.abs() >= limit).float().mean(-1)


def frame_levels_db(audio: Tensor, *, frame: int) -> Tensor:
    """Return the level of each frame, shape (..., frames); a last, partial frame counts too."""
    check_audio(audio)
    short = -audio.shape[-1] % frame
    padded = F.pad(audio.square(), (0, short))
    power = padded.unfold(-1, frame, frame).mean(-1)
    if short:  # its mean is over the samples that are there
        power = torch.cat([power[..., :-1], power[..., -1:] * frame / (frame - short)], dim=-1)
    return 10 * power.log10()


def silence_share(audio: Tensor, *, frame: int, threshold_db: float = SILENCE_DB) -> Tensor:
    """Return the share of frames whose level is under `threshold_db`, shape (...)."""
    return (frame_levels_db(audio, frame=frame) < threshold_db).float().mean(-1)


def loudness_lufs(audio: Tensor, *, rate: int) -> Tensor:
    """Return the integrated loudness of single channels, shape (...), in LUFS.

    -0.691 + 10 log10 of the mean power after K-weighting, over blocks of 400 ms, leaving out
    those under -70 LUFS and then those 10 LU under the mean of the rest. -inf for silence.

    Source: ITU-R BS.1770-4, annex 1, equations 3 to 7. The weighting's published coefficients
    are for 48 kHz; here its two analogue sections are mapped to any rate (De Man 2014).
    """
    check_audio(audio)
    power = _block_power(_k_weighted(audio.double(), rate), rate)
    lufs = -0.691 + 10 * power.log10()
    loud = lufs > ABSOLUTE_GATE_LUFS
    gate = -0.691 + 10 * _mean(power, loud).log10() + RELATIVE_GATE_LU
    kept = loud & (lufs > gate[..., None])
    return -0.691 + 10 * _mean(power, kept).log10()


def _block_power(audio: Tensor, rate: int) -> Tensor:
    """Return the mean square of overlapping blocks, shape (..., blocks)."""
    block = min(round(BLOCK_S * rate), audio.shape[-1])
    return audio.square().unfold(-1, block, max(block // OVERLAP, 1)).mean(-1)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum(-1) / mask.sum(-1).clamp(min=1)


def _k_weighted(audio: Tensor, rate: int) -> Tensor:
    """Filter through the high shelf and the high pass, in the frequency domain."""
    length = audio.shape[-1]
    padded = length + round(RINGING_S * rate)
    z = torch.exp(-1j * torch.linspace(0, math.pi, padded // 2 + 1, dtype=torch.float64))
    response = torch.ones_like(z)
    for numerator, denominator in k_weighting(rate):
        response = response * _polynomial(numerator, z) / _polynomial(denominator, z)
    even = 2 * (padded // 2)
    return torch.fft.irfft(torch.fft.rfft(audio, even) * response.to(audio.device), even)[
        ..., :length
    ]


def _polynomial(coefficients: list[float], z: Tensor) -> Tensor:
    return coefficients[0] + coefficients[1] * z + coefficients[2] * z**2


def k_weighting(rate: int) -> list[tuple[list[float], list[float]]]:
    """Return the two sections of K-weighting at a rate: (numerator, denominator) of each.

    Source: De Man 2014, "Evaluation of implementations of the EBU R128 loudness measurement".
    """
    warp = math.tan(math.pi * 1681.974450955533 / rate)
    high, quality = 10 ** (3.999843853973347 / 20), 0.7071752369554196
    band = high**0.4996667741545416
    scale = 1 + warp / quality + warp**2
    shelf = (
        [
            (high + band * warp / quality + warp**2) / scale,
            2 * (warp**2 - high) / scale,
            (high - band * warp / quality + warp**2) / scale,
        ],
        [1.0, 2 * (warp**2 - 1) / scale, (1 - warp / quality + warp**2) / scale],
    )
    warp, quality = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    scale = 1 + warp / quality + warp**2
    high_pass = (
        [1.0, -2.0, 1.0],
        [1.0, 2 * (warp**2 - 1) / scale, (1 - warp / quality + warp**2) / scale],
    )
    return [shelf, high_pass]
