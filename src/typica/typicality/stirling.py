"""Factorials without their cancellation: what Stirling's formula leaves over, and how far.

At n = 10^6 a log probability of counts, put together from `lgamma`, is a difference of numbers of
about 10^7 and loses seven digits. These parts are small, and so are their errors.

Source: Loader 2000, "Fast and accurate computation of binomial probabilities".
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

# Of the series in 1/x: B_2k / (2k (2k - 1)).
REMAINDER = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
# log(Gamma(x + 1/2) / Gamma(x)) = log(x) / 2 + a series in 1/x, odd powers only.
HALF_STEP = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224)
SERIES_FROM = 16.0


def stirling_remainder(x: np.ndarray | float) -> np.ndarray:
    """Return log Gamma(x + 1) - [(x + 1/2) log x - x + log(2 pi) / 2] for x > 0, any shape."""
    x = np.asarray(x, dtype=np.float64)
    remainder, few = _odd_series(REMAINDER, np.maximum(x, SERIES_FROM)), x < SERIES_FROM
    small = x[few]
    direct = gammaln(small + 1) - (small + 0.5) * np.log(small) + small - np.log(2 * np.pi) / 2
    remainder[few] = direct
    return remainder


def half_step(x: np.ndarray | float) -> np.ndarray:
    """Return log(Gamma(x + 1/2) / (Gamma(x) sqrt(x))) for x > 0, any shape."""
    x = np.asarray(x, dtype=np.float64)
    step, few = _odd_series(HALF_STEP, np.maximum(x, SERIES_FROM)), x < SERIES_FROM
    small = x[few]
    step[few] = gammaln(small + 0.5) - gammaln(small) - np.log(small) / 2
    return step


def deviance(x: np.ndarray | float, mean: np.ndarray | float) -> np.ndarray:
    """Return x log(x / mean) - x + mean for x >= 0 and mean > 0: zero at the mean, never less."""
    x = np.asarray(x, dtype=np.float64)
    share = (x - mean) / mean
    with np.errstate(divide="ignore"):
        log_ratio = np.where(x > 0, np.log1p(share), 0.0)
    return mean * ((1 + share) * log_ratio - share)


def _odd_series(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Return sum_k c[k] / x^(2k + 1)."""
    return np.asarray(np.polynomial.polynomial.polyval(1 / x**2, coefficients) / x)
