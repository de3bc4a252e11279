"""Amplitudes as whole numbers of so many bits, as sound files hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError

WIDEST = 32


def to_samples(audio: NDArray[np.float32], bits: int) -> NDArray[np.int32]:
    """Return the nearest whole number of each amplitude, 2 ** (bits - 1) being full scale.

    What passes full scale is clipped; its highest number is one less than full scale.

    Args:
        audio: Amplitudes in [-1, 1], any shape.
        bits: From 2 to 32.

    Raises:
        ConfigError: There are no such bits.
    """
    scale = _full_scale(bits)
    # In float32 a product of more than 24 bits would be rounded twice.
    levels = np.rint(np.asarray(audio, np.float64) * scale)
    return np.clip(levels, -scale, scale - 1).astype(np.int32)


def from_samples(samples: NDArray, bits: int) -> NDArray[np.float32]:
    """Undo `to_samples`, to the last bit up to 24 bits."""
    return (samples.astype(np.float64) / _full_scale(bits)).astype(np.float32)


def clipped(audio: NDArray[np.float32]) -> int:
    """Return how many amplitudes pass full scale, so that whole numbers cannot hold them."""
    return int(np.count_nonzero(np.abs(audio) > 1))


def _full_scale(bits: int) -> float:
    if not 2 <= bits <= WIDEST:
        raise ConfigError(f"samples have 2 to {WIDEST} bits; got bits={bits}")
    return float(1 << bits - 1)
