"""What quantisers lose: the signal-to-noise ratio by level and bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from typica.signal.quantise import Quantiser, QuantiserName, quantiser

# A sine whose samples do not repeat for long, so that all levels within its reach are met.
RATE, HERTZ, SAMPLES = 48000, 997.0, 48000


class NoiseFigure(NamedTuple):
    """How a quantiser fares at a level.

    Attributes:
        name: The quantiser: its levels, in words.
        bits: Its bits.
        level_db: The sine's level, in decibels under a full-scale sine.
        ratio_db: Signal-to-noise ratio in decibels; -inf where nothing but error is left.
    """

    name: str
    bits: int
    level_db: float
    ratio_db: float


def signal_to_noise_db(audio: Tensor, heard: Tensor) -> Tensor:
    """Return 10 log10 of the power of audio over that of its error, shape (...).

    inf where there is no error. A quantiser's constant offset counts as error.

    Args:
        audio: The original, shape (..., time).
        heard: What became of it, of that shape.
    """
    error = (heard - audio).double().square().sum(-1)
    return 10 * (audio.double().square().sum(-1) / error).log10()


def quantised(audio: Tensor, kind: Quantiser) -> Tensor:
    """Return audio after encoding and decoding, float32."""
    return kind.decode(kind.encode(audio))


def noise_table(
    kinds: Sequence[tuple[QuantiserName, int]], levels_db: Sequence[float]
) -> list[NoiseFigure]:
    """Measure quantisers on a sine of 997 Hz at several levels, kind by kind.

    Args:
        kinds: Name and bits of each quantiser.
        levels_db: Levels under a full-scale sine, at most 0 dB.

    Raises:
        ConfigError: A quantiser has no such bits.
    """
    time = torch.arange(SAMPLES, dtype=torch.float64) / RATE
    sine = torch.sin(2 * math.pi * HERTZ * time)
    figures = []
    for name, bits in kinds:
        kind = quantiser(name, bits)
        for level_db in levels_db:
            audio = sine * 10 ** (level_db / 20)
            ratio = float(signal_to_noise_db(audio, quantised(audio, kind)))
            figures.append(NoiseFigure(kind.name, bits, level_db, ratio))
    return figures
