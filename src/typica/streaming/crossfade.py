"""From one sound to another without a click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def crossfade_gains(length: int) -> NDArray[np.float32]:
    """Return gains of what goes and what comes, (2, length): their squares sum to 1."""
    angle = (np.arange(length) + 0.5) / length * np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def crossfade(
    going: NDArray[np.float32], coming: NDArray[np.float32], gains: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Fade from one sound to another at its beginning, both of shape (samples,)."""
    length = gains.shape[1]
    mixed = gains[0] * going[:length] + gains[1] * coming[:length]
    return np.concatenate([np.clip(mixed, -1, 1), coming[length:]])
