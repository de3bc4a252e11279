"""The typicality test of a batch: are these examples, together, what the model generates?"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from typica.core.errors import ConfigError, ShapeError
from typica.typicality.detectors.base import StatisticError, as_numpy

DRAWS_AT_ONCE = 2**22  # of a bootstrap: bounds memory, whatever the size of the batch


class BatchResult(NamedTuple):
    """What the test says of a batch.

    Attributes:
        statistic: |mean surprisal - entropy|, in nats.
        threshold: What it is held against: the batch is rejected above.
        p_value: (1 + #{bootstrap >= statistic}) / (resamples + 1).
        reject: Whether the batch is atypical.
    """

    statistic: float
    threshold: float
    p_value: float
    reject: bool


class BatchResults(NamedTuple):
    """What the test says of many batches: as `BatchResult`, each (batches,) but the threshold."""

    statistic: np.ndarray
    threshold: float
    p_value: np.ndarray
    reject: np.ndarray


class BatchTypicalityTest(BaseEstimator):
    """Reject a batch whose mean surprisal is too far from the entropy, on either side.

    Batches of M are compared with M surprisals drawn, with replacement, from a validation set:
    the threshold is the (1 - alpha) quantile of |mean - entropy| over such draws (the higher
    neighbour, which is conservative). Thresholds are those of a batch's own size; the same
    batch gets the same answer, whatever was tested before.

    Limits, all of the test as published:

    - With the entropy from training examples and draws from validation examples, the gap
      between the two (overfitting) widens the threshold: intended, and it costs power.
    - It is two-sided: it rejects what is too likely as well as what is too unlikely.
    - It sees the mean of log p alone. Whatever has a mean surprisal equal to the entropy is
      never rejected, at any M: under N(0, I) all points of the sphere of radius sqrt(K), and
      the constant vector (1, ..., 1).
    - The threshold is itself an estimate: the size is alpha only up to
      sqrt(alpha (1 - alpha) / resamples), and to the validation set's own error.

    Args:
        alpha: How often batches like the validation set may be rejected.
        resamples: Draws for a threshold.
        random_state: An integer, for answers that can be repeated; as in scikit-learn.

    Source: Nalisnick et al. 2019, "Detecting out-of-distribution inputs to deep generative
        models using typicality", https://arxiv.org/abs/1906.02994. There 50 draws are made; of
        so few a 0.99 quantile is the largest.
    """

    entropy_: float

    def __init__(self, alpha: float = 0.01, resamples: int = 1000, random_state: Any = 0) -> None:
        self.alpha = alpha
        self.resamples = resamples
        self.random_state = random_state

    def fit(self, entropy_or_train_log_probs: Any, validation_log_probs: Any) -> Self:
        """Take the entropy, and the surprisals that thresholds are drawn from.

        Args:
            entropy_or_train_log_probs: The entropy in nats, a single number; or the
                log-likelihoods of training examples (or of the model's own samples), (examples,),
                whose mean surprisal it is then.
            validation_log_probs: Log-likelihoods in nats of other examples, (examples,).

        Raises:
            StatisticError: A log-likelihood is NaN or infinite.
            ShapeError: An array is empty or has not one axis.
        """
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha must lie between 0 and 1, got {self.alpha}")
        if self.resamples < 1:
            raise ConfigError(f"resamples must be at least 1, got {self.resamples}")
        given = np.asarray(as_numpy(entropy_or_train_log_probs), dtype=np.float64)
        if given.ndim == 0:
            self.entropy_ = float(_finite("the entropy", given[None])[0])
        else:
            self.entropy_ = float(-_finite("training examples", _vector(given)).mean())
        self._surprisals = -_finite("validation examples", _vector(validation_log_probs))
        self._seed = int(check_random_state(self.random_state).randint(2**31))
        self._nulls: dict[int, np.ndarray] = {}
        return self

    def test(self, batch_log_probs: Any) -> BatchResult:
        """Test a batch of log-likelihoods in nats, (examples,).

        Infinite ones reject it. Raises as `fit`.
        """
        many = self.test_many(_vector(batch_log_probs)[None])
        return BatchResult(
            float(many.statistic[0]), many.threshold, float(many.p_value[0]), bool(many.reject[0])
        )

    def test_many(self, log_probs: Any) -> BatchResults:
        """Test many batches of one size, (batches, examples), each by itself."""
        check_is_fitted(self, "entropy_")
        log_probs = np.asarray(as_numpy(log_probs), dtype=np.float64)
        if log_probs.ndim != 2 or log_probs.shape[1] < 1:
            raise ShapeError(f"batches must be (batches, examples), got {log_probs.shape}")
        _refuse_nan("the batch", log_probs)
        null, threshold = self._null(log_probs.shape[1])
        statistic = _deviations(-log_probs, self.entropy_)
        above = len(null) - np.searchsorted(null, statistic, side="left")
        p_value = (1 + above) / (1 + len(null))
        return BatchResults(statistic, threshold, p_value, statistic > threshold)

    def threshold(self, size: int) -> float:
        """Return, in nats, what the statistic of a batch of a size is held against."""
        check_is_fitted(self, "entropy_")
        return self._null(size)[1]

    def _null(self, size: int) -> tuple[np.ndarray, float]:
        """Return the statistics of drawn batches, ascending, and their quantile."""
        if size not in self._nulls:
            self._nulls[size] = self._bootstrap(size)
        null = self._nulls[size]
        return null, float(np.quantile(null, 1 - self.alpha, method="higher"))

    def _bootstrap(self, size: int) -> np.ndarray:
        # A stream for each size: no threshold depends on what was tested before.
        rng = np.random.default_rng([self._seed, size])
        rows = max(1, DRAWS_AT_ONCE // size)
        found = []
        for begin in range(0, self.resamples, rows):
            count = min(rows, self.resamples - begin)
            drawn = rng.integers(len(self._surprisals), size=(count, size))
            found.append(_deviations(self._surprisals[drawn], self.entropy_))
        return np.sort(np.concatenate(found))


def _deviations(surprisals: np.ndarray, entropy: float) -> np.ndarray:
    """Return |mean - entropy| of each row; infinite where one of its surprisals is."""
    infinite = ~np.isfinite(surprisals).all(axis=1)
    with np.errstate(invalid="ignore"):
        deviations = np.abs(surprisals.mean(axis=1) - entropy)
    deviations[infinite] = math.inf
    return deviations


def _vector(log_probs: Any) -> np.ndarray:
    vector = np.asarray(as_numpy(log_probs), dtype=np.float64)
    if vector.ndim != 1 or not len(vector):
        raise ShapeError(
            f"log-likelihoods must be (examples,), of at least one, got {vector.shape}"
        )
    return vector


def _finite(whose: str, log_probs: np.ndarray) -> np.ndarray:
    _refuse_nan(whose, log_probs)
    if np.isinf(log_probs).any():
        example = int(np.argmax(np.isinf(log_probs)))
        raise StatisticError(f"log-likelihood {example} of {whose} is infinite: leave it out")
    return log_probs


def _refuse_nan(whose: str, log_probs: np.ndarray) -> None:
    if np.isnan(log_probs).any():
        example = tuple(int(i) for i in np.argwhere(np.isnan(log_probs))[0])
        index = ", ".join(map(str, example))
        raise StatisticError(
            f"log-likelihood {index} of {whose} is NaN: leave it out, or mend what computed it"
        )
