"""The martingale test as a detector: calibrated without a reference."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from scipy.stats import norm
from sklearn.utils import Tags

from typica.typicality.detectors.base import Detector


class MartingaleTest(Detector):
    """Call outliers what an autoregressive model is surprised at more, or less, than it expects.

    X holds z-scores, (examples,) or (examples, 1): the sum over an example's steps of surprisal
    less conditional entropy, over the root of the summed variances of the surprisal. Under the
    model it is a martingale with zero mean, and for long examples z is close to N(0, 1): a
    negative one is too predictable (silence), a positive one too surprising. The score is
    -|z|, the p-value two-sided and normal. `fit` learns nothing and may be left out.

    The p-values are those of the model's own samples. On real data they are too small by as
    much as the model does not fit.
    """

    _most: ClassVar[int | None] = 1

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    @property
    def offset_(self) -> float:  # type: ignore[override]
        """The score of an example whose p-value is alpha."""
        return -float(norm.isf(self.alpha / 2))

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check X; there is nothing to learn."""
        self._rows(X, fitting=True)
        return self

    def p_values(self, X: Any) -> np.ndarray:
        """Return two-sided normal p-values, (examples,)."""
        return 2 * norm.sf(-self.score_samples(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        return -np.abs(rows[:, 0])
