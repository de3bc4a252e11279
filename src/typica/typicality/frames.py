"""Frames in which nothing changes: what a piano roll on a fixed grid spends its likelihood on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ShapeError


def unchanged_frames(roll: NDArray) -> NDArray[np.bool_]:
    """Mark the frames that are equal to the one before; the first is not.

    Args:
        roll: Shape (frames, pitches).

    Raises:
        ShapeError: The roll is no matrix.
    """
    if roll.ndim != 2:
        raise ShapeError(f"a roll must have shape (frames, pitches), got {roll.shape}")
    same = np.zeros(len(roll), bool)
    same[1:] = (roll[1:] == roll[:-1]).all(1)
    return same


def unchanged_share(roll: NDArray, surprisal: NDArray | None = None) -> float:
    """Return the share of unchanged frames, or the share of a model's surprisal spent on them.

    Args:
        roll: Shape (frames, pitches).
        surprisal: -log p(frame | those before), shape (frames,); any unit.

    Returns:
        A share in [0, 1]; 0 where there are no frames.

    Raises:
        ShapeError: The roll is no matrix, or there is not one surprisal a frame.
    """
    same = unchanged_frames(roll)
    weight = np.ones(len(roll)) if surprisal is None else np.asarray(surprisal, np.float64)
    if weight.shape != same.shape:
        raise ShapeError(f"give one surprisal for each of {len(roll)} frames, got {weight.shape}")
    total = weight.sum()
    return float(weight[same].sum() / total) if total else 0.0
