"""DoSE: how usual a vector of statistics is among those of a reference."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.svm import OneClassSVM
from sklearn.utils import check_random_state

from typica.core.errors import ConfigError
from typica.typicality.detectors.base import ConformalDetector
from typica.typicality.detectors.kernel_density import KernelDensity, constant

KERNELS_AT_ONCE = 2**16  # of a machine's: they stay in the processor's cache
EIGENVALUE_FLOOR = 1e-6  # of the largest: statistics may be linearly dependent


class DensityOfStates(ConformalDetector):
    """Call outliers what has a rare value in one of its statistics, or in several.

    X holds any statistics of a model, (examples, statistics): log-likelihood, terms of a bound,
    the log-determinant of a flow, a martingale's z. The score is the sum over statistics of the
    logarithm of a kernel density of the reference: a log-density as if they were independent, in
    units of each statistic's spread, so that neither unit nor origin matters.

    A statistic that is constant in the reference, but for rounding, is taken in its own unit.
    With the log-likelihood alone it ranks as one-point typicality does, where surprisals have a
    symmetric density of one mode.

    The density of an example that was learnt from contains its own kernel: `fit` ranks the
    reference by cross-fitting. With references of 30 and 100, five statistics and alpha = 0.05,
    3 and 4 % of new examples are called outliers (14 and 9 % were the fit's own scores ranked).

    Args:
        alpha: Share of normal examples that may be called outliers.
        bandwidth: Of the kernels, in units of Silverman's rule of thumb.

    Source: Morningstar et al. 2021, "Density of states estimation for out-of-distribution
        detection", https://arxiv.org/abs/2006.09273.
    """

    _flatters: ClassVar[bool] = True

    def __init__(self, alpha: float = 0.01, bandwidth: float = 1.0) -> None:
        self.alpha = alpha
        self.bandwidth = bandwidth

    def log_densities(self, X: Any) -> np.ndarray:
        """Return the log-density of each statistic, of X's shape: the lowest tells which is odd.

        Where a statistic is infinite, minus infinity.
        """
        rows = self._rows(X)
        finite = np.isfinite(rows)
        result = np.full(rows.shape, -np.inf)
        for column, density in enumerate(self.densities_):
            chosen = finite[:, column]
            result[chosen, column] = density.log_density(rows[chosen, column])
        return result

    def _learn(self, rows: np.ndarray) -> None:
        if not self.bandwidth > 0:
            raise ConfigError(f"bandwidth must be above 0, got {self.bandwidth}")
        self.densities_ = [KernelDensity(column, self.bandwidth) for column in rows.T]

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        scores = np.zeros(len(rows))
        for density, column in zip(self.densities_, rows.T, strict=True):
            scores += density.log_density(column)
        return scores


class DensityOfStatesSVM(ConformalDetector):
    """Call outliers what lies outside the support of the statistics, all of them together.

    X is as for `DensityOfStates`. The statistics are whitened, and a one-class support vector
    machine with a radial kernel is fitted. It sees dependence between statistics, which the sum
    of kernel densities does not; far from the reference all scores become equal.

    A machine's support fits itself to what it learns from: `fit` ranks the reference by
    cross-fitting. With references of 30 and 100, five statistics and alpha = 0.05, 5 % of new
    examples are called outliers (57 and 30 % were the fit's own scores ranked). Fewer are too
    few: with 10, 27 %.

    Args:
        alpha: Share of normal examples that may be called outliers; it sets the offset alone.
        nu: Share of the fitted examples that are support vectors, at least: more make a
            smoother score and a slower one.
        limit: Most examples to fit on, for the time grows with their square.
        random_state: Draws them where there are more; as in scikit-learn.

    Source: as `DensityOfStates`; Scholkopf et al. 2001, "Estimating the support of a
        high-dimensional distribution".
    """

    _flatters: ClassVar[bool] = True

    def __init__(
        self, alpha: float = 0.01, nu: float = 0.1, limit: int = 2000, random_state: Any = 0
    ) -> None:
        self.alpha = alpha
        self.nu = nu
        self.limit = limit
        self.random_state = random_state

    def _learn(self, rows: np.ndarray) -> None:
        self.mean_, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[constant(rows)] = 1.0
        standard = (rows - self.mean_) / scale
        values, vectors = np.linalg.eigh(standard.T @ standard / len(rows))
        floor = EIGENVALUE_FLOOR * max(values[-1], EIGENVALUE_FLOOR)
        self.whitening_ = vectors / np.sqrt(np.maximum(values, floor)) / scale[:, None]
        if len(rows) > self.limit:
            chosen = check_random_state(self.random_state).permutation(len(rows))[: self.limit]
            rows = rows[chosen]
        self.gamma_ = 1 / rows.shape[1]
        self.machine_ = OneClassSVM(nu=self.nu, gamma=self.gamma_).fit(self._whiten(rows))

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        # The machine's own decision function, many times as fast as libsvm has it.
        step = max(1, KERNELS_AT_ONCE // len(self.machine_.support_vectors_))
        blocks = (rows[begin : begin + step] for begin in range(0, len(rows), step))
        return np.concatenate([self._decide(block) for block in blocks])

    def _decide(self, rows: np.ndarray) -> np.ndarray:
        white, vectors = self._whiten(rows), self.machine_.support_vectors_
        square = np.zeros((len(rows), len(vectors)))
        for ours, theirs in zip(white.T, vectors.T, strict=True):
            square += np.square(ours[:, None] - theirs)
        kernels = np.exp(-self.gamma_ * square)
        return (kernels * self.machine_.dual_coef_).sum(axis=1) + self.machine_.intercept_

    def _whiten(self, rows: np.ndarray) -> np.ndarray:
        # Sums of products by BLAS would round by how many rows there are, and whatever of the
        # reference lies on the offset would be an outlier at times.
        white = np.zeros_like(rows)
        for column, axis in zip((rows - self.mean_).T, self.whitening_, strict=True):
            white += column[:, None] * axis
        return white
