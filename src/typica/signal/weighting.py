"""A-weighting: how loud tones of a level sound at each frequency, and levels that heed it."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.signal.loudness import SILENCE_DB
from typica.signal.spectrum import HOP, WINDOW, stft

# Poles of the analogue filter in hertz, and its gain at 1 kHz, which is taken off.
POLES = (20.598997, 107.65265, 737.86223, 12194.217)
GAIN_DB = 1.9997
LOWEST_DB = 2 * SILENCE_DB  # what is softer than this counts as silence


def a_weighting_db(hertz: Tensor) -> Tensor:
    """Return the A-weighting of frequencies in decibels: 0 at 1 kHz, -inf at 0 Hz.

    Source: IEC 61672-1, annex E, equation E.6.
    """
    square = hertz.square()
    low, second, third, high = (pole**2 for pole in POLES)
    weight = high * square.square() / (square + low) / (square + high)
    weight = weight / ((square + second) * (square + third)).sqrt()
    return 20 * weight.log10() + GAIN_DB


def a_weighted_db(
    audio: Tensor,
    *,
    rate: int,
    window: int = 2 * WINDOW,
    hop: int = HOP,
    lowest_db: float = LOWEST_DB,
) -> Tensor:
    """Return the A-weighted level of each frame, shape (..., frames), in decibels of full scale.

    The root mean square, under the frame's Hann window, of the audio after A-weighting: a
    full-scale sine of 1 kHz has -3.01 dB. Differentiable above `lowest_db`, below which nothing
    is told apart.

    Args:
        audio: Shape (..., time).
        rate: Sampling rate in hertz.
        window: Length of a frame in samples; lows are weighted as exactly as it resolves them.
        hop: Samples from one frame to the next.
        lowest_db: What silence has.
    """
    spectrum = stft(audio, window=window, hop=hop)
    power = torch.view_as_real(spectrum).square().sum(-1)
    hertz = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64, device=audio.device)
    weights = 10 ** (a_weighting_db(hertz) / 10)
    # Parseval: all bins but 0 Hz and half the rate stand for two; a Hann window's mean square
    # is 3/8.
    weights = 2 * weights / (window * window * 3 / 8)
    weights[-1] = weights[-1] / 2
    mean = (power * weights[:, None].to(power)).sum(-2)
    return 10 * mean.clamp(min=10 ** (lowest_db / 10)).log10()
