"""Typical sets of densities that fall with the radius: they are annuli, or balls if eps is large.

What is needed of such a density is the law of its deviation -log f(x) - H: the typical set is
where that lies between -eps and eps, and the radius grows with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from typica.core.errors import ConfigError
from typica.typicality.units import Per, Unit, as_array, from_nats, like, radius_in_nats

# A difference of distribution functions that is so small beside them is replaced by quadrature.
CANCELLATION = 0.05
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


class Annulus(NamedTuple):
    """Where the typical set lies: r_lo <= r <= r_hi, a ball around the mode if r_lo is 0."""

    r_lo: Any
    r_hi: Any

    @property
    def width(self) -> Any:
        """Difference of the radii."""
        return self.r_hi - self.r_lo


class RadialTypicality(ABC):
    """A density on R^K whose logarithm falls strictly with the radius.

    Wherever an epsilon is given or returned it is in `unit` ("nats" or "bits") and `per` ("total"
    or "dim"); it may be a number, an array or a tensor, and results are of the same kind.
    """

    K: int

    @abstractmethod
    def _radius(self, deviation: np.ndarray) -> np.ndarray:
        """Return the radius at which the deviation (nats) is so; 0 if it is nowhere so low."""

    @abstractmethod
    def _cdf(self, deviation: np.ndarray) -> np.ndarray:
        """Return the probability of a deviation at most so large."""

    @abstractmethod
    def _sf(self, deviation: np.ndarray) -> np.ndarray:
        """Return the probability of a larger deviation."""

    @abstractmethod
    def _pdf(self, deviation: np.ndarray) -> np.ndarray:
        """Return the density of the deviation."""

    def mass(self, eps: Any, *, unit: Unit, per: Per) -> Any:
        """Return the probability of the typical set, without Monte Carlo.

        Raises:
            ConfigError: eps is negative, or a unit does not exist.
        """
        nats = as_array(radius_in_nats(eps, unit=unit, per=per, n=self.K))
        return like(self._between(-nats, nats), eps)

    def annulus(self, eps: Any, *, unit: Unit, per: Per) -> Annulus:
        """Return the radii between which the typical set lies.

        Raises:
            ConfigError: eps is negative, or a unit does not exist.
        """
        nats = as_array(radius_in_nats(eps, unit=unit, per=per, n=self.K))
        return Annulus(*(like(self._radius(side * nats), eps) for side in (-1, 1)))

    def eps_for_mass(self, mass: Any, *, unit: Unit, per: Per) -> Any:
        """Return the epsilon of the typical set that has a given probability.

        Raises:
            ConfigError: A mass is not between 0 and 1, or a unit does not exist.
        """
        masses = as_array(mass)
        if not bool(np.all((masses >= 0) & (masses <= 1))):
            raise ConfigError(f"a mass must lie between 0 and 1, got {mass}")
        nats = np.array([self._eps_nats(one) for one in masses.flat]).reshape(masses.shape)
        return like(from_nats(nats, unit=unit, per=per, n=self.K), mass)

    def _eps_nats(self, mass: float) -> float:
        if mass in (0.0, 1.0):
            return 0.0 if mass == 0.0 else np.inf
        top = 1.0
        while self._excess(top, mass) < 0:
            top *= 2
        rounding = 4 * float(np.finfo(float).eps)
        return brentq(self._excess, 0.0, top, (mass,), xtol=1e-300, rtol=rounding, maxiter=5000)

    def _excess(self, nats: float, mass: float) -> float:
        """Return by how much the mass within `nats` is more than `mass`."""
        reach = np.asarray(nats)
        if mass <= 0.5:
            return float(self._between(-reach, reach)) - mass
        # Near one, what lies outside has the digits.
        return (1 - mass) - float(self._cdf(-reach) + self._sf(reach))

    def _between(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the probability of a deviation from `low` to `high`."""
        in_upper_half = self._cdf(low) > 0.5
        far = np.where(in_upper_half, self._sf(low), self._cdf(high))
        near = np.where(in_upper_half, self._sf(high), self._cdf(low))
        with np.errstate(invalid="ignore", over="ignore"):
            half = (high - low)[..., None] / 2
            nodes = low[..., None] + half * (1 + NODES)
            narrow = (half * WEIGHTS * self._pdf(nodes)).sum(-1)
        return np.where(far - near < CANCELLATION * far, narrow, far - near)
