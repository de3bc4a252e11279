"""Edit similarity: how little of a sequence must be changed to make it the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import MissingFeatureError
from typica.decoding.utilities.utility import Indices, Utility, joined, stretches, symbols_of

AT_ONCE = 1 << 16  # pairs that are compared at a time


class EditSimilarity(Utility[Any]):
    """1 - d / max(a, b), with d the Levenshtein distance of sequences of lengths a and b.

    Insertions, deletions and substitutions of one symbol cost 1 each. Two empty ones are the same.

    Source: Levenshtein 1966, computed by rapidfuzz.
    """

    symmetric = True

    def pairs(
        self, items: Sequence[Any], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; items are sequences of symbols, of any length.

        Raises:
            ShapeError: The items are no sequences.
            MissingFeatureError: rapidfuzz is not installed.
        """
        try:
            from rapidfuzz.distance import Levenshtein
            from rapidfuzz.process import cpdist
        except ImportError as error:
            raise MissingFeatureError("edit similarity", "rapidfuzz", "text") from error
        rows = [symbols_of(item) for item in items]
        return joined(
            [
                cpdist(
                    [rows[row] for row in left],
                    [rows[row] for row in right],
                    scorer=Levenshtein.normalized_similarity,
                    dtype=np.float64,
                )
                for left, right in stretches(candidates, references, AT_ONCE)
            ]
        )
