"""How far the Gaussian mirage M is from the Gaussian N of the same mean and covariance.

Directions agree, so that all is in the radii. With u = r^2 / K the log ratio of the densities is
log N - log M = L - (K - 1) / 2 (u - 1 - log u): largest on the sphere r = sqrt(K), where it is L.
"""

from __future__ import annotations

import math
from typing import Any

from scipy.optimize import brentq
from scipy.special import digamma, erf

from typica.typicality.gaussian import GaussianTypicality
from typica.typicality.mirage import Mirage
from typica.typicality.stirling import stirling_remainder
from typica.typicality.units import whole


def kl_mirage_to_gaussian(K: Any) -> float:
    """Return KL(M || N) in nats: the difference of the entropies, since second moments agree.

    It grows like (log 2 + gamma) / 2 = 0.635 nats a dimension.
    """
    return GaussianTypicality(K).entropy() - float(Mirage(K).entropy())


def kl_gaussian_to_mirage(K: Any) -> float:
    """Return KL(N || M) in nats: it grows like log(K) / 2 in all."""
    K = whole("K", K)
    return _peak(K) + (K - 1) / 2 * (float(digamma(K / 2)) - math.log(K / 2))


def total_variation(K: Any) -> float:
    """Return the total variation distance: what N has more of than M between two radii."""
    K = whole("K", K)
    if K == 1:
        return 0.0
    excess = 2 * _peak(K) / (K - 1)

    def beyond(log_u: float) -> float:
        return math.expm1(log_u) - log_u - excess

    inner, outer = (brentq(beyond, *ends, xtol=1e-16) for ends in ((-excess - 1, 0), (0, 8)))
    low, high = (math.sqrt(K) * math.exp(log_u / 2) for log_u in (inner, outer))
    under_mirage = erf(high / math.sqrt(2 * K)) - erf(low / math.sqrt(2 * K))
    return GaussianTypicality(K).shell_mass(low, high) - float(under_mirage)


def _peak(K: int) -> float:
    """Return L, the log ratio of the radial densities at sqrt(K)."""
    return math.log(K / 2) / 2 + 0.5 - float(stirling_remainder(K / 2))
