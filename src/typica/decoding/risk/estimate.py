"""Means under weights, and how far they may be off."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import ConfigError

UNIT = 1e-6  # how far from 1 probabilities may add up


class Weights(NamedTuple):
    """How much each distinct sample counts; all (samples,).

    Attributes:
        share: Adding up to 1.
        noise: Sums of squared shares of the single draws it stands for: what the variance of a mean
            grows with; 0 where all was enumerated and nothing drawn.
    """

    share: NDArray[np.float64]
    noise: NDArray[np.float64]


def counted(number: NDArray[np.int64], weights: ArrayLike | None) -> Weights:
    """Weigh distinct samples by how often they were drawn.

    Args:
        number: Which distinct one each draw is, (draws,).
        weights: Of each draw, at least 0, in any unit: importance weights; None if all are alike.

    Raises:
        ConfigError: The weights are not as many as the draws, or no weights.
    """
    shares = _shares(weights, len(number))
    return Weights(_sums(number, shares), _sums(number, shares**2))


def enumerated(number: NDArray[np.int64], probabilities: ArrayLike) -> Weights:
    """Weigh distinct sequences by their probabilities: nothing was drawn, so nothing is uncertain.

    Raises:
        ConfigError: They are not as many as the sequences, or do not add up to 1.
    """
    total = float(np.sum(np.asarray(probabilities, dtype=np.float64)))
    if not abs(total - 1) <= UNIT:
        raise ConfigError(
            f"probabilities of all sequences must add up to 1, got {total:g}: "
            f"give what was drawn by importance as weights"
        )
    share = _sums(number, _shares(probabilities, len(number)))
    return Weights(share, np.zeros_like(share))


def mean(values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Return the weighted mean over the last axis."""
    # Equal rows must give equal means to the last bit, which a matrix product does not promise.
    return (values * weights.share).sum(-1)


def standard_error(values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Return the standard error of `mean`, infinite where one draw has all the weight.

    For n draws of equal weight that is the standard deviation by the root of n; for importance
    weights w that add up to 1 it is the root of sum w^2 (u - mean)^2 / (1 - sum w^2).

    Source: Owen 2013, "Monte Carlo theory, methods and examples", chapter 9, on self-normalised
    importance sampling; the denominator makes n - 1 of n.
    """
    left = 1 - weights.noise.sum()
    if left <= 1e-12:
        return np.full(values.shape[:-1], np.inf)
    deviations = values - mean(values, weights)[..., None]
    return np.sqrt((deviations**2 * weights.noise).sum(-1) / left)


def _sums(number: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(number, values).astype(np.float64)


def _shares(weights: ArrayLike | None, count: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(count, 1 / count)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (count,):
        raise ConfigError(
            f"there must be one weight a sample, {count} of them, got shape {array.shape}"
        )
    total = array.sum()
    if not (np.all(array >= 0) and 0 < total < np.inf):  # which NaN is not either
        raise ConfigError("weights of samples must be at least 0, finite, and not all 0")
    return array / total
