"""Memory of weights that are read from end to end at every sample."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes, of a cache's line


def streaming(*kinds: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Join arrays, kind by kind, in memory of huge pages where the system has them.

    Weights that are read from end to end at every sample would miss the TLB otherwise.
    """
    joined = [np.concatenate(parts) for parts in kinds]
    ends = np.cumsum([-(-part.nbytes // LINE) * LINE for part in joined])
    memory = mmap.mmap(-1, int(ends[-1]))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    placed = []
    for begin, part in zip([0, *ends[:-1]], joined, strict=True):
        place = np.frombuffer(memory, part.dtype, part.size, int(begin))
        place[:] = part
        placed.append(place)
    return placed
