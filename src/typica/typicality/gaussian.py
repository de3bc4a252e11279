"""The typical set of a Gaussian: a soap bubble of radius sqrt(K), in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.special import gammainc, gammaincc
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError
from typica.typicality.radial import RadialTypicality
from typica.typicality.stirling import deviance, half_step, stirling_remainder
from typica.typicality.typical_set import within
from typica.typicality.units import (
    Per,
    Unit,
    as_array,
    from_nats,
    like,
    radius_in_nats,
    whole,
)


class GaussianTypicality(RadialTypicality):
    """Typical sets of a Gaussian on R^K.

    -log f(x) - H = (r^2 - K) / 2 nats, r the Mahalanobis radius, so that the typical set is
    |r^2 - K| <= 2 eps, for an eps in nats in all; r^2 has a chi-square law of K degrees.
    All radii here are Mahalanobis radii: plain ones for the standard Gaussian.
    """

    def __init__(self, K: int, *, mean: Any = None, covariance: Any = None) -> None:
        """Take the dimensions, and what is not standard.

        Args:
            K: Dimensions.
            mean: Of shape (K,), or one number; 0 without it.
            covariance: Matrix (K, K), variances (K,), or one variance; 1 without it.

        Raises:
            ShapeError: Mean or covariance do not fit K.
            ConfigError: K is no count, or the covariance is not positive definite.
        """
        self.K = whole("K", K)
        self._mean = _float64(0.0 if mean is None else mean)
        if self._mean.shape not in ((), (self.K,)):
            raise ShapeError(f"mean must have shape ({K},), got {tuple(self._mean.shape)}")
        self._root = self._square_root(_float64(1.0 if covariance is None else covariance))

    def entropy(self, *, unit: Unit = "nats") -> float:
        """Return the differential entropy, (K/2) log(2 pi e) nats if it is standard."""
        diagonal = self._root.diagonal() if self._root.ndim == 2 else self._root
        half_log_determinant = float(diagonal.log().expand(self.K).sum())
        nats = self.K / 2 * math.log(2 * math.pi * math.e) + half_log_determinant
        return from_nats(nats, unit=unit, per="total", n=None)

    @property
    def varentropy(self) -> float:
        """Variance of -log f(x), in square nats."""
        return self.K / 2

    @property
    def radius_mean(self) -> float:
        """Mean of the radius; the mean of its square is K."""
        return math.sqrt(self.K) * math.exp(half_step(self.K / 2))

    @property
    def radius_variance(self) -> float:
        """Variance of the radius: near 1/2 for any large K, so that the shell stays as thick."""
        return -self.K * math.expm1(2 * half_step(self.K / 2))

    @property
    def radius_mode(self) -> float:
        """Radius of the largest density of radii (not of points, which is 0)."""
        return math.sqrt(self.K - 1)

    def deviation(self, x: Any) -> Any:
        """Return -log f(x) - H in nats: points (..., K) to (...), in float64.

        Raises:
            ShapeError: The last dimension is not K.
        """
        points = _float64(x)
        if points.shape[-1:] != (self.K,):
            raise ShapeError(f"points must have shape (..., {self.K}), got {tuple(points.shape)}")
        squares = self._standardised(points - self._mean).square().sum(-1)
        deviation = (squares - self.K) / 2
        return deviation if isinstance(x, Tensor) else like(deviation.numpy(), x)

    def contains(self, x: Any, eps: float, *, unit: Unit, per: Per) -> Any:
        """Say of each point (..., K) whether it is typical: booleans (...)."""
        nats = float(radius_in_nats(eps, unit=unit, per=per, n=self.K))
        # The deviation is a difference from K / 2, and rounded as that is.
        return within(self.deviation(x), nats, self.K / 2)

    def shell_mass(self, r_lo: Any, r_hi: Any) -> Any:
        """Return the probability of r_lo <= r <= r_hi; r_hi may be infinite.

        Raises:
            ConfigError: A radius is negative, or r_hi is less than r_lo.
        """
        low, high = as_array(r_lo), as_array(r_hi)
        if not bool(np.all((low >= 0) & (low <= high))):
            raise ConfigError(f"a shell needs 0 <= r_lo <= r_hi, got {r_lo} and {r_hi}")
        low, high = np.broadcast_arrays((low**2 - self.K) / 2, (high**2 - self.K) / 2)
        return like(self._between(low, high), r_lo, r_hi)

    def eps_for_width(self, width: Any, *, unit: Unit, per: Per) -> Any:
        """Return the epsilon of the typical set whose annulus has a given width.

        Beyond a width of sqrt(2K) the set is a ball, and its width its radius.

        Raises:
            ConfigError: A width is negative, or a unit does not exist.
        """
        square = as_array(width) ** 2
        if not bool(np.all(as_array(width) >= 0)):
            raise ConfigError(f"a width must be zero or positive, got {width}")
        inner = np.sqrt(square * np.maximum(self.K - square / 4, 0))
        nats = np.where(square <= 2 * self.K, inner, square - self.K) / 2
        return like(from_nats(nats, unit=unit, per=per, n=self.K), width)

    def _radius(self, deviation: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(self.K + 2 * deviation, 0))

    def _cdf(self, deviation: np.ndarray) -> np.ndarray:
        return gammainc(self.K / 2, np.maximum(self.K / 2 + deviation, 0))

    def _sf(self, deviation: np.ndarray) -> np.ndarray:
        return gammaincc(self.K / 2, np.maximum(self.K / 2 + deviation, 0))

    def _pdf(self, deviation: np.ndarray) -> np.ndarray:
        """Half of r^2 has a gamma law of shape K / 2."""
        shape = self.K / 2
        half_square = np.maximum(shape + deviation, np.finfo(float).tiny)
        exponent = -stirling_remainder(shape) - deviance(shape, half_square)
        return np.exp(exponent) * np.sqrt(shape / (2 * np.pi)) / half_square

    def _square_root(self, covariance: Tensor) -> Tensor:
        """Return the Cholesky factor of a matrix, or the square root of variances."""
        if covariance.shape not in ((), (self.K,), (self.K, self.K)):
            raise ShapeError(
                f"covariance must be one number or have shape ({self.K},) or ({self.K}, {self.K}),"
                f" got {tuple(covariance.shape)}"
            )
        if covariance.ndim < 2:
            if not bool((covariance > 0).all()):
                raise ConfigError("variances must be positive")
            return covariance.sqrt()
        if not torch.allclose(covariance, covariance.mT, rtol=1e-9):
            raise ConfigError("a covariance must be symmetric")
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if bool(failed):
            raise ConfigError("a covariance must be positive definite, and this one is not")
        return factor

    def _standardised(self, centred: Tensor) -> Tensor:
        """Return points (..., K) divided by the square root of the covariance."""
        root = self._root.to(centred.device)
        if root.ndim < 2:
            return centred / root
        columns = centred.reshape(-1, self.K).mT
        return torch.linalg.solve_triangular(root, columns, upper=False).mT.reshape(centred.shape)


def _float64(values: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.double()
    return torch.as_tensor(np.asarray(values, dtype=np.float64))
