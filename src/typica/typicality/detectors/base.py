"""What all detectors over arrays of statistics share: scikit-learn's interface and p-values.

The statistics of an example (its log-likelihood under one or more models, the length of its
code, its latent) are a row of X. Scores are larger the more normal an example is; a detector
never sees labels. Statistics may be infinite when they are scored, for a model may give an
example no probability at all; they may not be in the reference, and none may be NaN.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from typica.core.errors import ConfigError, DataError, ShapeError

FOLDS = 5  # of a cross-fit
MOST_FLATTERED = 10_000  # examples: among more, an example's own share in a fit is negligible


class StatisticError(DataError, ValueError):
    """A statistic is NaN, or infinite where it may not be."""


class Detector(OutlierMixin, BaseEstimator, ABC):
    """An outlier detector over rows of statistics.

    Attributes:
        offset_: Examples that score below it are outliers.
        n_features_in_: The number of statistics.
    """

    alpha: float
    offset_: float
    # The numbers of statistics that it can take; with one, X may also be (examples,).
    _least: ClassVar[int] = 1
    _most: ClassVar[int | None] = None

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what is normal from a reference (examples, statistics); `y` is ignored."""

    @abstractmethod
    def p_values(self, X: Any) -> np.ndarray:
        """Return the probability that a normal example scores as low, (examples,)."""

    @abstractmethod
    def _normality(self, rows: np.ndarray) -> np.ndarray:
        """Return the scores of rows none of which is an outlier by its infinities."""

    def score_samples(self, X: Any) -> np.ndarray:
        """Return how normal examples are, (examples,): larger is more normal.

        An infinite log-likelihood makes an outlier, of score minus infinity. Where it is plus
        infinity a warning is given: the density has a spike there.

        Raises:
            StatisticError: A statistic is NaN.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        if np.isposinf(rows).any():
            example = int(np.argmax(np.isposinf(rows).any(axis=1)))
            warnings.warn(
                f"example {example} has a statistic of plus infinity, as on a spike of the "
                f"density: it counts as an outlier",
                stacklevel=2,
            )
        scores = np.full(len(rows), -np.inf)
        sound = self._sound(rows)
        if sound.any():
            scores[sound] = self._normality(rows[sound])
        return scores

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples(X) - offset_`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return 1 for normal examples and -1 for outliers, (examples,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _sound(self, rows: np.ndarray) -> np.ndarray:
        """Tell which rows are not outliers by their infinities alone."""
        return np.isfinite(rows).all(axis=1)

    def _rows(self, X: Any, *, fitting: bool = False) -> np.ndarray:
        """Return X as float64 (examples, statistics), checked."""
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha must lie between 0 and 1, got {self.alpha}")
        X = as_numpy(X)
        if self._most == 1 and np.ndim(X) == 1:
            X = np.asarray(X)[:, None]
        rows = validate_data(self, X, reset=fitting, dtype=np.float64, ensure_all_finite=False)
        self._check_columns(rows.shape[1])
        if np.isnan(rows).any():
            example, column = np.argwhere(np.isnan(rows))[0]
            raise StatisticError(
                f"statistic {column} of example {example} is NaN: leave the example out, or "
                f"mend what computed it"
            )
        return rows

    def _check_columns(self, count: int) -> None:
        if count < self._least or count > (self._most or count):
            most = "or more" if self._most is None else f"to {self._most}"
            takes = "one statistic" if self._most == 1 else f"{self._least} {most} statistics"
            raise ShapeError(
                f"{type(self).__name__} takes {takes} an example, got X with {count} feature(s)"
            )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = self._most == 1
        return tags


class ConformalDetector(Detector):
    """A detector whose p-values are ranks among the scores of a reference.

    p(x) = (1 + #{reference scores <= score of x}) / (n + 1): if x and the reference are
    exchangeable, P(p <= alpha) <= alpha whatever the score (Vovk, Gammerman and Shafer 2005,
    "Algorithmic learning in a random world"). A reference scored by what has learnt from it is
    flattered where much is learnt (a density, a support): there, `fit` ranks as `cross_fit`
    does, from 10 examples to 10,000, and new examples are called outliers about as often as
    alpha says. Fewer examples are flattered all the same: `calibrate` on others. So are whole
    recordings of which the examples are cuts, unless `cross_fit` is given them as groups.

    Fits that left examples out score them lower, if anything, than those that did not: the
    reference itself has fewer outliers than new examples have.

    An example is an outlier where p <= alpha. A reference of fewer than 1 / alpha - 1 examples
    cannot say as much: then an example is an outlier where it scores below them all.

    Attributes:
        reference_scores_: Scores of the reference, ascending, (examples,).
        offset_: The lowest of them that is no outlier.
        level_: How often an example that is like the reference is called an outlier: at most
            alpha, or 1 / (n + 1) for a small reference. Exact where nothing is learnt and after
            `calibrate`; nearly so where the reference was scored by fits that left it out.
    """

    reference_scores_: np.ndarray
    level_: float
    # Whether so much is learnt that scores of what was learnt from are too high.
    _flatters: ClassVar[bool] = False

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what is normal from a reference (examples, statistics); `y` is ignored.

        Raises:
            StatisticError: A statistic is NaN or infinite.
            ShapeError: The number of statistics does not fit this detector.
        """
        rows = self._reference_rows(X, fitting=True)
        self._learn(rows)
        if self._flatters and 2 * FOLDS <= len(rows) <= MOST_FLATTERED:
            return self._rank_against(self._scores_left_out(rows, FOLDS))
        return self._rank_against(self._normality(rows))

    def calibrate(self, X: Any) -> Self:
        """Take p-values and offset from other examples than those of `fit`."""
        check_is_fitted(self)
        return self._rank_against(self._normality(self._reference_rows(X)))

    def cross_fit(self, X: Any, *, folds: int = FOLDS, groups: Any = None) -> Self:
        """Fit on all examples; take p-values and offset from fits that left each out.

        Args:
            X: The reference, (examples, statistics).
            folds: Each example is scored by a fit on the other folds.
            groups: Of each example, what it was cut from: such are left out together.

        Source: Vovk 2015, "Cross-conformal predictors", https://arxiv.org/abs/1208.0806.
        """
        rows = self._reference_rows(X, fitting=True)
        self._learn(rows)
        return self._rank_against(self._scores_left_out(rows, folds, groups))

    def p_values(self, X: Any) -> np.ndarray:
        """Return conformal p-values, (examples,), from 1 / (n + 1) to 1."""
        scores = self.score_samples(X)
        below = np.searchsorted(self.reference_scores_, scores, side="right")
        return (1 + below) / (1 + len(self.reference_scores_))

    def _learn(self, rows: np.ndarray) -> None:
        """Learn what the score needs from the reference."""

    def _scores_left_out(self, rows: np.ndarray, folds: int, groups: Any = None) -> np.ndarray:
        """Return scores of the reference by fits that left each example out, in any order."""
        splitter = KFold(folds, shuffle=True, random_state=0) if groups is None else None
        scores = []
        for rest, part in (splitter or GroupKFold(folds)).split(rows, groups=groups):
            other = clone(self)
            other._learn(rows[rest])
            scores.append(other._normality(rows[part]))
        return np.concatenate(scores)

    def _rank_against(self, scores: np.ndarray) -> Self:
        self.reference_scores_ = np.sort(scores)
        # Rounded, for 0.07 * 100 is less than 7.
        rank = max(1, math.floor(round(self.alpha * (len(scores) + 1), 9)))
        self.offset_ = float(self.reference_scores_[rank - 1])
        self.level_ = rank / (len(scores) + 1)
        return self

    def _reference_rows(self, X: Any, *, fitting: bool = False) -> np.ndarray:
        rows = self._rows(X, fitting=fitting)
        if not np.isfinite(rows).all():
            example, column = np.argwhere(~np.isfinite(rows))[0]
            raise StatisticError(
                f"statistic {column} of example {example} of the reference is infinite: "
                f"leave the example out"
            )
        return rows


def as_numpy(array: Any) -> Any:
    """Return a tensor, of any device and number format, as a NumPy array; all else as it is."""
    if isinstance(array, torch.Tensor):
        return array.detach().double().cpu().numpy()
    return array
