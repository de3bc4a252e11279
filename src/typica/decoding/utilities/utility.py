"""The contract of a utility, and how it is told two sequences apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from typica.core.errors import ShapeError
from typica.score.notes import Notes

Item = TypeVar("Item")
Indices = NDArray[np.int64]


class Utility(ABC, Generic[Item]):
    """How well a candidate serves where a reference was meant: in [0, 1], and 1 for the same.

    Pairs are told by numbers of items, so that what an item must be turned into (its n-grams, its
    spectrum) is worked out once and not once a pair.
    """

    @property
    @abstractmethod
    def symmetric(self) -> bool:
        """Whether candidate and reference may change places: then half of a table is enough."""

    @abstractmethod
    def pairs(
        self, items: Sequence[Item], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """Score many pairs at once.

        Args:
            items: What the numbers are of.
            candidates: Number of the candidate of each pair, (pairs,).
            references: Number of the reference of each pair, (pairs,).

        Returns:
            Shape (pairs,), in [0, 1].

        Raises:
            ShapeError: The items are not of a kind or a shape that it can compare.
        """

    def __call__(self, candidate: Item, reference: Item) -> float:
        """Score one pair."""
        return float(self.pairs([candidate, reference], np.array([0]), np.array([1]))[0])


def identity(item: Any) -> Hashable:
    """Return what is equal for equal items: tensors, arrays and notes are equal by content.

    Lists and tuples of the same symbols are the same sequence, and so are theirs within them.
    """
    if isinstance(item, Tensor):
        item = item.detach().cpu().numpy()
    if isinstance(item, np.ndarray):
        return item.shape, item.dtype.str, item.tobytes()
    if isinstance(item, Notes):
        return tuple(getattr(item, field.name).tobytes() for field in fields(item))
    if isinstance(item, list | tuple):
        return tuple(map(_symbol, item))
    if isinstance(item, Hashable):
        return item
    raise ShapeError(
        f"a sequence must be text, symbols, a tensor or notes to be told apart from others, "
        f"got {type(item).__name__}"
    )


def symbols_of(item: Any) -> Sequence[Hashable]:
    """Return a sequence's symbols: those of a row of a tensor, or the characters of a text.

    Raises:
        ShapeError: It is no sequence, or a tensor of more than one axis.
    """
    if isinstance(item, str):
        return item
    if isinstance(item, Tensor | np.ndarray):
        if item.ndim != 1:
            raise ShapeError(f"a sequence must have shape (length,), got {tuple(item.shape)}")
        return tuple(item.tolist())
    if isinstance(item, Sequence):
        return tuple(map(_symbol, item))
    raise ShapeError(f"a sequence must hold symbols, got {type(item).__name__}")


def _symbol(symbol: Any) -> Hashable:
    # Most symbols are numbers or text, and there are many.
    return symbol if isinstance(symbol, int | float | str) else identity(symbol)


def stretches(
    candidates: Indices, references: Indices, size: int
) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs, at most `size` at a time, so that memory does not grow with their number."""
    for begin in range(0, len(candidates), max(1, size)):
        part = slice(begin, begin + max(1, size))
        yield candidates[part], references[part]


def joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the scores of stretches as one array, in [0, 1] in spite of rounding."""
    return np.clip(np.concatenate(parts or [np.zeros(0)]), 0.0, 1.0)
