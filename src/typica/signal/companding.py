"""Mu-law companding (ITU-T G.711): small amplitudes get the finer steps."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from typica.signal.audio import check_amplitudes


def mulaw_compress(audio: Tensor, mu: int = 255) -> Tensor:
    """Bend amplitudes in [-1, 1] so that equal steps sound equally loud.

    Source: van den Oord et al., 2016, https://arxiv.org/abs/1609.03499, section 2.2.
    """
    audio = audio.clamp(-1, 1)
    side = _side(audio)
    return torch.log1p(mu * (audio * side)) * side / math.log1p(mu)


def mulaw_expand(compressed: Tensor, mu: int = 255) -> Tensor:
    """Undo `mulaw_compress`."""
    side = _side(compressed)
    return torch.expm1(compressed * side * math.log1p(mu)) * side / mu


def _side(values: Tensor) -> Tensor:
    """Return 1 or -1, never 0: with `abs` and `sign` companding would have no slope at silence."""
    return torch.ones_like(values).copysign(values.detach())


def mulaw_encode(audio: Tensor, levels: int = 256) -> Tensor:
    """Quantise audio to mu-law levels: equal bins of the compressed range.

    Args:
        audio: Amplitudes in [-1, 1], any shape; values outside are clipped.
        levels: Number of levels (256 is 8 bits).

    Returns:
        Integers in [0, levels), of the shape of `audio`, dtype int64.

    Raises:
        ShapeError: The amplitudes are no floats.
    """
    check_amplitudes(audio)
    compressed = mulaw_compress(audio, levels - 1)
    return ((compressed + 1) / 2 * levels).long().clamp_max(levels - 1)


def mulaw_decode(codes: Tensor, levels: int = 256) -> Tensor:
    """Return the amplitudes at the middles of the bins, dtype float32."""
    return mulaw_expand((2 * codes.float() + 1) / levels - 1, levels - 1)


def mulaw_encode_rounding(audio: Tensor, levels: int = 256) -> Tensor:
    """Quantise audio to mu-law levels by rounding: the outermost levels are +-1 themselves.

    The second convention in use; its levels must only be decoded by
    `mulaw_decode_rounding`. Arguments, result and errors as for `mulaw_encode`.
    """
    check_amplitudes(audio)
    compressed = mulaw_compress(audio, levels - 1)
    # Half a level is added so that silence falls on level 128, as in G.711.
    return ((compressed + 1) / 2 * (levels - 1) + 0.5).long()


def mulaw_decode_rounding(codes: Tensor, levels: int = 256) -> Tensor:
    """Undo `mulaw_encode_rounding`, dtype float32."""
    return mulaw_expand(2 * codes.float() / (levels - 1) - 1, levels - 1)
