"""Utilities of all candidates against all references, each pair of different ones scored once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from typica.decoding.utilities.utility import Indices, Utility, identity

Thing = TypeVar("Thing")


class Distinct(NamedTuple, Generic[Thing]):
    """Items without their duplicates, in the order in which they first came.

    Attributes:
        items: Each once.
        first: Where each came first, (distinct,).
        number: Which of the distinct each one given is, (given,).
    """

    items: list[Thing]
    first: Indices
    number: Indices


def distinct(items: Sequence[Thing]) -> Distinct[Thing]:
    """Leave out duplicates, which are equal by content; see `identity`."""
    numbers: dict[Hashable, int] = {}
    first = []
    number = []
    for at, item in enumerate(items):
        key = identity(item)
        if key not in numbers:
            numbers[key] = len(numbers)
            first.append(at)
        number.append(numbers[key])
    kept = [items[at] for at in first]
    return Distinct(kept, np.array(first, dtype=np.int64), np.array(number, dtype=np.int64))


class Table(Generic[Thing]):
    """Utilities of candidates against references, scored when they are first asked for.

    A pair that comes twice is scored once. For a symmetric utility neither is its mirror image:
    where candidates and references are the same n items, n (n + 1) / 2 pairs are scored.

    Args:
        candidates: Without duplicates.
        references: Without duplicates.
        utility: What to score by.
    """

    def __init__(
        self, candidates: Sequence[Thing], references: Sequence[Thing], utility: Utility[Thing]
    ) -> None:
        self._items, _, number = distinct([*candidates, *references])
        self._candidates, self._references = np.split(number, [len(candidates)])
        self._utility = utility
        self._codes, self._scores = np.zeros(0, dtype=np.int64), np.zeros(0)

    @property
    def evaluated(self) -> int:
        """Pairs that were scored up to now."""
        return len(self._codes)

    def utilities(
        self, rows: Indices | slice = slice(None), columns: Indices | slice = slice(None)
    ) -> NDArray[np.float64]:
        """Return the utilities of some candidates, or all, against some references, or all."""
        low, high = np.broadcast_arrays(
            self._candidates[rows][:, None], self._references[columns][None]
        )
        if self._utility.symmetric:
            low, high = np.minimum(low, high), np.maximum(low, high)
        wanted = low * len(self._items) + high
        self._score(np.setdiff1d(wanted, self._codes))
        return self._scores[np.searchsorted(self._codes, wanted)]

    def _score(self, codes: Indices) -> None:
        if not len(codes):
            return
        pairs = np.stack(np.divmod(codes, len(self._items)))
        # Only those that are asked for are read: reading may be what costs most.
        used, places = np.unique(pairs, return_inverse=True)
        left, right = places.reshape(pairs.shape)
        scores = self._utility.pairs([self._items[at] for at in used], left, right)
        codes, scores = np.append(self._codes, codes), np.append(self._scores, scores)
        order = np.argsort(codes)
        self._codes, self._scores = codes[order], scores[order]
