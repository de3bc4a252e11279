"""The limits of one core, measured by limit.cpp: multiplications, and reading memory."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from pathlib import Path

import numpy as np

from typica.engines import build

FLOATS = 256  # a working set is a multiple of it
TURNS = 1_000_000  # of multiplications in a window
READ = 1 << 28  # bytes read in a window


class Machine:
    """Windows of work at this machine's limit, to be timed beside those of others."""

    def __init__(self) -> None:
        self._library = build.library(Path(__file__).with_name("limit.cpp").read_text())
        self._library.multiply_add.restype = ctypes.c_double
        self._out = ctypes.c_float()

    def multiply(self) -> float:
        """Multiply and add; return the number of operations."""
        return self._library.multiply_add(ctypes.c_int64(TURNS), ctypes.byref(self._out))

    def reading(self, size: int) -> Callable[[], float]:
        """Return what reads a working set of about `size` bytes again and again.

        It returns how many bytes it read.
        """
        count = max(1, size // (4 * FLOATS)) * FLOATS
        array, turns = _huge(count), max(1, READ // (4 * count))

        def read() -> float:
            place = ctypes.c_void_p(array.ctypes.data)
            times = ctypes.c_int64(count), ctypes.c_int64(turns)
            self._library.read_all(place, *times, ctypes.byref(self._out))
            return 4.0 * count * turns

        return read


def _huge(count: int) -> np.ndarray:
    """Return floats in memory like that of the kernels' weights."""
    memory = mmap.mmap(-1, 4 * count)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    array = np.frombuffer(memory, np.float32)
    array[:] = 1
    return array
