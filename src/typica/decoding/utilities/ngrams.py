"""F1 over n-grams: what two sequences share, wherever in them it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from typica.core.errors import ConfigError
from typica.decoding.utilities.utility import Indices, Utility, joined, stretches, symbols_of

AT_ONCE = 4096  # pairs whose counts are compared at a time


@dataclass(frozen=True)
class NgramF1(Utility[Any]):
    """F1 over n-grams: 2 m / (a + b), with a and b the n-grams of each and m those they share.

    An n-gram that one holds twice and the other once is shared once. Where neither holds any, both
    being shorter than `order`, it is 1 if they are the same and 0 if not.

    Attributes:
        order: Symbols of an n-gram; 1 compares bags of symbols.
    """

    order: int = 1

    symmetric = True

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ConfigError(f"an n-gram holds at least 1 symbol, got order={self.order}")

    def pairs(
        self, items: Sequence[Any], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; items are sequences of symbols, of any length."""
        rows = [symbols_of(item) for item in items]
        counts = _count_table([ngrams(row, self.order) for row in rows])
        sizes = np.asarray(counts.sum(1)).reshape(-1)
        numbers: dict[tuple[Hashable, ...], int] = {}
        same = np.array([numbers.setdefault(tuple(row), len(numbers)) for row in rows])
        parts = []
        for left, right in stretches(candidates, references, AT_ONCE):
            shared = np.asarray(counts[left].minimum(counts[right]).sum(1)).reshape(-1)
            total = sizes[left] + sizes[right]
            agree = (same[left] == same[right]).astype(np.float64)
            parts.append(np.where(total > 0, 2 * shared / np.maximum(total, 1), agree))
        return joined(parts)


def ngrams(symbols: Sequence[Hashable], order: int) -> Counter[tuple[Hashable, ...]]:
    """Count the runs of `order` symbols in a sequence."""
    return Counter(zip(*(symbols[begin:] for begin in range(order)), strict=False))


def _count_table(counters: Sequence[Counter[tuple[Hashable, ...]]]) -> csr_array:
    """Return counts as a sparse table, (items, different n-grams)."""
    columns: dict[tuple[Hashable, ...], int] = {}
    places = [[columns.setdefault(gram, len(columns)) for gram in counts] for counts in counters]
    starts = np.cumsum([0, *(len(row) for row in places)])
    values = np.array([value for counts in counters for value in counts.values()], dtype=np.int64)
    indices = np.array([place for row in places for place in row], dtype=np.int64)
    return csr_array((values, indices, starts), shape=(len(counters), max(1, len(columns))))
