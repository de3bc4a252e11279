"""Adding pieces of sound where they overlap."""

from __future__ import annotations

import torch
from torch import Tensor


def overlap_add(pieces: Tensor, hop: int) -> Tensor:
    """Add pieces that begin every `hop` samples, differentiably.

    Args:
        pieces: Shape (..., count, size), at least one piece.
        hop: Samples from the beginning of one to that of the next.

    Returns:
        Shape (..., (count - 1) * hop + size).
    """
    *batch, count, size = pieces.shape
    folded = torch.nn.functional.fold(
        pieces.reshape(-1, count, size).mT,
        output_size=(1, (count - 1) * hop + size),
        kernel_size=(1, size),
        stride=(1, hop),
    )
    return folded.reshape(*batch, -1)
