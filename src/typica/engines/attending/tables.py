"""Tables of streams: what was read, with its keys and values, as states of several times share it.

Nothing in a table is changed once it was written: it is only added to. So a state is a table and
how much of it counts. Whoever goes on from the last state adds to its table in place, and whoever
goes on from one before it, to a copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from typica.engines.job import Floats
from typica.engines.memory import LINE


class Tables:
    """Two tables for each stream, each (count, numbers).

    Args:
        now: Those that are filled.
        next: Those that follow them: their later halves, read again as a beginning.
        held: Symbols that lie in those that are filled, or None where somebody is writing.
    """

    def __init__(self, now: Floats, next: Floats, held: int | None) -> None:  # noqa: A002
        self.now, self.next = now, next
        self._free = [] if held is None else [held]  # where one may add; lists pop atomically

    @classmethod
    def blank(cls, count: int, numbers: int, held: int | None) -> Tables:
        """Return empty ones, of which memory is taken as it is written."""
        return cls(_zeros(count, numbers), _zeros(count, numbers), held)

    @property
    def nbytes(self) -> int:
        """Bytes of all, written or not."""
        return self.now.nbytes + self.next.nbytes

    def taken(self, held: int) -> Tables:
        """Return what can be written from `held` symbols on: these, or copies if others did so."""
        try:
            free = self._free.pop()
        except IndexError:
            return self.copy()
        if free == held:
            return self
        self._free.append(free)
        return self.copy()

    def give_back(self, held: int) -> None:
        """Let others add, behind `held` symbols."""
        self._free.append(held)

    def turned(self) -> Tables:
        """Return the tables that follow full ones, to be written."""
        return Tables(self.next, _zeros(*self.next.shape), None)

    def copy(self) -> Tables:
        """Return the same in memory of their own, to be written."""
        return self.pick(range(len(self.now)))

    def pick(self, rows: Sequence[int]) -> Tables:
        """Return those of some streams, to be written."""
        both = []
        for table in (self.now, self.next):
            own = _zeros(len(rows), table.shape[1])
            for to, row in zip(own, rows, strict=True):
                to[:] = table[row]
            both.append(own)
        return Tables(both[0], both[1], None)


def _zeros(count: int, numbers: int) -> Floats:
    """Return zeros that begin where a cache's line does."""
    room = np.zeros(count * numbers + LINE // 4, np.float32)
    begin = -room.ctypes.data % LINE // 4
    return room[begin : begin + count * numbers].reshape(count, numbers)
