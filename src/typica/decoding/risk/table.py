"""Utilities of all candidates against all references, each pair of different ones scored once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from typica.decoding.utilities.utility import Indices, Item, Utility, identity

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


class Table(NamedTuple):
    """Utilities.

    Attributes:
        utilities: Shape (candidates, references).
        evaluated: Pairs that were scored.
    """

    utilities: NDArray[np.float64]
    evaluated: int


def distinct(items: Sequence[Item]) -> Distinct[Item]:
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


def utility_table(
    candidates: Sequence[Item], references: Sequence[Item], utility: Utility[Item]
) -> Table:
    """Score each candidate against each reference.

    A pair that comes twice is scored once. For a symmetric utility neither is its mirror image:
    where candidates and references are the same n items, n (n + 1) / 2 pairs are scored.

    Args:
        candidates: Without duplicates.
        references: Without duplicates.
        utility: What to score by.
    """
    items, _, number = distinct([*candidates, *references])
    rows, columns = number[: len(candidates), None], number[None, len(candidates) :]
    low, high = np.broadcast_arrays(rows, columns)
    if utility.symmetric:
        low, high = np.minimum(low, high), np.maximum(low, high)
    codes, place = np.unique(low * len(items) + high, return_inverse=True)
    scores = utility.pairs(items, codes // len(items), codes % len(items))
    return Table(scores[place.reshape(low.shape)], len(codes))
