"""Utilities of texts that are measured in the field by one library: chrF and sentence BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError, MissingFeatureError, ShapeError
from typica.decoding.utilities.utility import Indices, Utility

if TYPE_CHECKING:
    from types import ModuleType


class _Metric(Protocol):
    def sentence_score(self, hypothesis: str, references: Sequence[str]) -> Any: ...


class _TextUtility(Utility[str]):
    """A metric of sacrebleu, in [0, 1]; 1 for equal texts, also where they are empty."""

    _metric: _Metric

    def pairs(
        self, items: Sequence[str], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; items are texts.

        Raises:
            ShapeError: An item is no text.
            MissingFeatureError: sacrebleu is not installed.
        """
        other = next((item for item in items if not isinstance(item, str)), None)
        if other is not None:
            raise ShapeError(f"{type(self).__name__} compares texts, got {type(other).__name__}")
        pairs = zip(candidates.tolist(), references.tolist(), strict=True)
        return np.array([self._score(items[left], items[right]) for left, right in pairs])

    def _score(self, candidate: str, reference: str) -> float:
        if candidate == reference:
            return 1.0
        return min(1.0, self._metric.sentence_score(candidate, [reference]).score / 100)


@dataclass(frozen=True)
class ChrF(_TextUtility):
    """chrF: F-score over character n-grams; white space does not count.

    Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation", in the
    reading of sacrebleu.

    Attributes:
        order: Characters of the longest n-gram.
        words: Words of the longest word n-gram: 2 makes it chrF++.
        beta: How many times as much recall weighs as precision; it is symmetric at 1.
    """

    order: int = 6
    words: int = 0
    beta: int = 2

    def __post_init__(self) -> None:
        if self.order < 1 or self.words < 0 or self.beta < 1:
            raise ConfigError(f"chrF needs order and beta of at least 1, words of 0; got {self}")

    @property
    def symmetric(self) -> bool:
        """Whether precision and recall weigh alike."""
        return self.beta == 1

    @cached_property
    def _metric(self) -> _Metric:  # type: ignore[override]
        chrf = _sacrebleu("chrF").CHRF
        return chrf(char_order=self.order, word_order=self.words, beta=self.beta)


@dataclass(frozen=True)
class SentenceBleu(_TextUtility):
    """BLEU of one sentence: n-gram precision, with a penalty for what is too short.

    Words are what white space parts. Precisions of 0 are smoothed exponentially, and n-grams that
    the candidate is too short for do not count.

    Source: Papineni et al. 2002; Chen and Cherry 2014, method 3, in the reading of sacrebleu.

    Attributes:
        order: Words of the longest n-gram.
    """

    order: int = 4

    symmetric = False

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ConfigError(f"an n-gram holds at least 1 word, got order={self.order}")

    @cached_property
    def _metric(self) -> _Metric:  # type: ignore[override]
        bleu = _sacrebleu("BLEU").BLEU
        return bleu(tokenize="none", effective_order=True, max_ngram_order=self.order, force=True)


def _sacrebleu(what: str) -> ModuleType:
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise MissingFeatureError(what, "sacrebleu", "text") from error
    return metrics
