"""Who goes on from whom: the sequences of a search, step by step, and their way back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Last(NamedTuple):
    """Where sequences end, (count,) each.

    Attributes:
        times: How many symbols they have.
        parents: The row that the last symbol follows, among the rows then.
        symbols: The last one.
    """

    times: Tensor
    parents: Tensor
    symbols: Tensor


class Lineage:
    """Parents and symbols of the rows of each step.

    A sequence is kept once for all that go on from it; 32 bits each for its parent and its symbol.
    """

    def __init__(self) -> None:
        self._parents: list[Tensor] = []
        self._symbols: list[Tensor] = []
        self._measures: list[tuple[Tensor, ...]] = []

    def measure(self, *columns: Tensor) -> None:
        """Keep numbers (rows,) of the distributions of the step that is under way."""
        self._measures.append(columns)

    def add(self, parents: Tensor, symbols: Tensor) -> None:
        """Keep a step: row i goes on from row `parents[i]` of the step before."""
        self._parents.append(parents.int())
        self._symbols.append(symbols.int())

    def trace(self, last: Last, length: int, fill: int) -> tuple[Tensor, list[Tensor]]:
        """Return whole sequences, and what was measured along them.

        Args:
            last: Their ends.
            length: Columns wanted.
            fill: What stands behind a sequence's last symbol.

        Returns:
            Symbols (count, length), int64, and each measure (count, length), 0 behind the end.
        """
        path = self._path(last)
        inner = [_picked(*pair) for pair in zip(self._symbols, path[1:], strict=False)]
        device, count = last.times.device, len(last.times)
        columns = torch.arange(length, device=device)
        symbols = _wide(inner, count, length).long().to(device)
        symbols = symbols.where(columns < last.times[:, None] - 1, fill)
        symbols.scatter_(1, last.times[:, None] - 1, last.symbols[:, None])
        measured = []
        for kind in range(len(self._measures[0]) if self._measures else 0):
            known = (measures[kind] for measures in self._measures)
            kept = [_picked(*pair) for pair in zip(known, path, strict=False)]
            whole = _wide(kept, count, length).to(device)
            measured.append(whole.where(columns < last.times[:, None], 0.0))
        return symbols, measured

    def _path(self, last: Last) -> list[NDArray[np.int64]]:
        """Return the rows that the symbols of each step follow, a step after another.

        A sequence that has ended is where the first row is.
        """
        times, parents = last.times.cpu().numpy(), last.parents.cpu().numpy()
        ends = {int(time): np.flatnonzero(times == time) for time in set(times.tolist())}
        rows, path = np.zeros(len(times), np.int64), []
        for time in range(max(ends, default=0), 0, -1):
            if time in ends:
                rows[ends[time]] = parents[ends[time]]
            path.append(rows)
            if time > 1:
                rows = self._parents[time - 2].cpu().numpy()[rows].astype(np.int64)
        return path[::-1]


def _picked(column: Tensor, rows: NDArray[np.int64]) -> NDArray:
    return column.cpu().numpy()[rows]


def _wide(steps: list[NDArray], count: int, length: int) -> Tensor:
    """Stack steps (count,) as columns of what is so long."""
    steps = steps[:length]
    missing = np.zeros((length - len(steps), count), np.float32 if not steps else steps[0].dtype)
    return torch.from_numpy(np.concatenate([np.array(steps).reshape(-1, count), missing]).T.copy())
