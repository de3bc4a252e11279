"""Who goes on from whom: the sequences of a search, step by step, and their way back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


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

    def trace(
        self, times: Tensor, parents: Tensor, symbols: Tensor, length: int, fill: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Return whole sequences, and what was measured along them.

        Args:
            times: Symbols of each, (count,).
            parents: The row that each one's last symbol follows, among the rows then.
            symbols: Each one's last symbol.
            length: Columns wanted.
            fill: What stands behind a sequence's last symbol.

        Returns:
            Symbols (count, length), int64, and each measure (count, length), 0 behind the end.
        """
        found = torch.full((len(times), length), fill, device=times.device)
        kinds = len(self._measures[0]) if self._measures else 0
        measured = [torch.zeros(len(times), length, device=times.device) for _ in range(kinds)]
        rows = torch.zeros_like(parents)
        for at in reversed(range(int(times.max()) if len(times) else 0)):
            is_last, is_inner = times == at + 1, times > at + 1
            if at < len(self._parents):
                inner = rows.where(is_inner, 0)
                found[:, at] = self._symbols[at][inner].long().where(is_inner, fill)
                rows = self._parents[at][inner].long()
            found[:, at] = symbols.where(is_last, found[:, at])
            rows = parents.where(is_last, rows).where(is_last | is_inner, 0)
            for kind, column in enumerate(self._measured_at(at)):
                measured[kind][:, at] = column[rows].where(is_last | is_inner, 0.0)
        return found, measured

    def _measured_at(self, at: int) -> Sequence[Tensor]:
        return self._measures[at] if self._measures else ()
