"""Memory of weights: where they are piled up, and where they are read from end to end."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LINE = 64  # bytes, of a cache's line
ROOM = 1 << 16  # bytes that a pile begins with


class Pile:
    """Arrays of one type, one behind another.

    It lies in memory of its own, not in the heap: a hundred parts of a layer would leave the heap
    as large as they were, long after all of them are dropped.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.size, self._room = 0, np.frombuffer(mmap.mmap(-1, ROOM), dtype)

    @property
    def values(self) -> NDArray[Any]:
        """All that was piled up."""
        return self._room[: self.size]

    def add(self, values: NDArray[Any]) -> int:
        """Put an array on top, row after row; return where it begins."""
        place, self.size = self.size, self.size + values.size
        if self.size > len(self._room):
            wider = np.frombuffer(
                mmap.mmap(-1, 2 * self.size * self._room.itemsize), self._room.dtype
            )
            wider[:place] = self._room[:place]
            self._room = wider
        self._room[place : self.size] = values.ravel()
        return place


def streaming(*kinds: NDArray[Any]) -> list[NDArray[Any]]:
    """Copy arrays into memory of huge pages, where the system has them.

    Weights that are read from end to end at every sample would miss the TLB otherwise.
    """
    ends = np.cumsum([-(-part.nbytes // LINE) * LINE for part in kinds])
    memory = mmap.mmap(-1, int(ends[-1]))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    placed = []
    for begin, part in zip([0, *ends[:-1]], kinds, strict=True):
        place = np.frombuffer(memory, part.dtype, part.size, int(begin))
        place[:] = part
        placed.append(place)
    return placed
