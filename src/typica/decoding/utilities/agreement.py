"""Utilities that look at whole sequences, or at each place for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ShapeError
from typica.decoding.utilities.utility import (
    Indices,
    Utility,
    identity,
    joined,
    stretches,
    symbols_of,
)

AT_ONCE = 1 << 22  # symbols that are compared at a time


class ExactMatch(Utility[Any]):
    """1 where both are the same, else 0: minimum Bayes risk then picks the mode of the samples."""

    symmetric = True

    def pairs(
        self, items: Sequence[Any], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; items may be anything that `identity` knows."""
        numbers: dict[Any, int] = {}
        same = np.array([numbers.setdefault(identity(item), len(numbers)) for item in items])
        return (same[candidates] == same[references]).astype(np.float64)


class HammingSimilarity(Utility[Any]):
    """The share of places at which both have the same symbol, of sequences that are equally long.

    Where sequences have an end, rows that are filled up with it are equally long, and the filling
    counts. Minimum Bayes risk then picks the sequence of likeliest symbols at each place, if it is
    among the candidates.
    """

    symmetric = True

    def pairs(
        self, items: Sequence[Any], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; items are sequences of symbols, all of one length."""
        rows = [symbols_of(item) for item in items]
        lengths = {len(row) for row in rows}
        if len(lengths) > 1:
            raise ShapeError(
                f"Hamming similarity is of sequences of one length, got lengths from "
                f"{min(lengths)} to {max(lengths)}: take edit similarity"
            )
        length = max(lengths, default=0)
        if not length:
            return np.ones(len(candidates))
        numbers: dict[Any, int] = {}
        codes = np.array([[numbers.setdefault(s, len(numbers)) for s in row] for row in rows])
        return joined(
            [
                (codes[left] == codes[right]).mean(1)
                for left, right in stretches(candidates, references, AT_ONCE // length)
            ]
        )
