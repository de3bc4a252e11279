"""The Gaussian mirage: moments and symmetry of a standard Gaussian, and a typical set elsewhere.

A point is a direction, uniform on the sphere, times a radius, half-normal with E[r^2] = K:
mean 0 and covariance I as for the Gaussian, with which its samples share next to nothing. Its
relative spread of log f does not vanish with K: it has no asymptotic equipartition.

Source: "Musings on typicality", the section on a Gaussian mirage.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.special import erf, erfc, wrightomega
from torch import Tensor
from torch.distributions import Distribution, constraints

from typica.core.errors import ShapeError
from typica.typicality.coordinate import coordinate_log_density
from typica.typicality.radial import RadialTypicality
from typica.typicality.sphere import sphere_log_area
from typica.typicality.units import as_array, like, whole


class Mirage(Distribution, RadialTypicality):
    """The Gaussian mirage on R^K, in float64.

    log f(x) = log 2 - log(2 pi K) / 2 - r^2 / (2K) - (K - 1) log r - log A_K, with A_K the area
    of the unit sphere; K = 1 is the standard normal, and from K = 2 on f is infinite at 0.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, K: int, validate_args: bool | None = None) -> None:
        """Take the dimensions; `validate_args` is torch's.

        Raises:
            ConfigError: K is no count.
        """
        self.K = whole("K", K)
        super().__init__(event_shape=torch.Size([self.K]), validate_args=validate_args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.K})"

    @property
    def mean(self) -> Tensor:
        """Mean, (K,): zero."""
        return torch.zeros(self.K, dtype=torch.float64).expand(self._extended_shape())

    @property
    def variance(self) -> Tensor:
        """Variance of each coordinate, (K,): one; they are uncorrelated, and not independent."""
        return torch.ones(self.K, dtype=torch.float64).expand(self._extended_shape())

    @property
    def mode(self) -> Tensor:
        """The point of the largest density, (K,): zero."""
        return self.mean

    def expand(self, batch_shape: Any, _instance: Distribution | None = None) -> Mirage:
        """Return the same distribution of another batch shape."""
        new = self._get_checked_instance(Mirage, _instance)
        new.K = self.K
        Distribution.__init__(new, torch.Size(batch_shape), self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def rsample(
        self, sample_shape: Any = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw points (*sample_shape, K): there are no parameters to differentiate by."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=torch.float64, generator=generator)
        norm = torch.linalg.vector_norm(noise, dim=-1, keepdim=True)
        # A vector of zeros has no direction: it takes that of the first axis.
        axis = (torch.arange(self.K) == 0).double()
        direction = torch.where(norm > 0, noise / norm, axis)
        radius = torch.randn(norm.shape, dtype=torch.float64, generator=generator).abs()
        return math.sqrt(self.K) * radius * direction

    def sample(self, sample_shape: Any = (), *, generator: torch.Generator | None = None) -> Tensor:
        """Draw points (*sample_shape, K)."""
        with torch.no_grad():
            return self.rsample(sample_shape, generator=generator)

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw one point of the batch shape; see `typica.core.randomness`."""
        return self.sample(generator=generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log f in nats: points (..., K) to (...), float64; infinite at 0 if K > 1.

        Raises:
            ShapeError: The last dimension is not K.
        """
        if value.shape[-1:] != self.event_shape:
            raise ShapeError(f"points must have shape (..., {self.K}), got {tuple(value.shape)}")
        if self._validate_args:
            self._validate_sample(value)
        radius = torch.linalg.vector_norm(value.double(), dim=-1)
        constant = math.log(2) - math.log(2 * math.pi * self.K) / 2 - sphere_log_area(self.K)
        log_density = constant - radius.square() / (2 * self.K)
        if self.K > 1:
            log_density = log_density - (self.K - 1) * radius.log()
        return log_density.expand(torch.broadcast_shapes(radius.shape, self.batch_shape))

    def entropy(self) -> Tensor:
        """Return the differential entropy in nats, float64, of the batch shape."""
        K = self.K
        nats = 0.5 + (K - 1) * self._mean_log_radius
        nats += math.log(2 * math.pi * K) / 2 - math.log(2) + sphere_log_area(K)
        return torch.full(self.batch_shape, nats, dtype=torch.float64)

    @property
    def varentropy(self) -> float:
        """Variance of -log f(x), in square nats: it grows like K^2, that of a Gaussian like K."""
        return 0.5 + (self.K - 1) + (self.K - 1) ** 2 * math.pi**2 / 8

    @property
    def typical_radius(self) -> float:
        """The one radius at which -log f is the entropy.

        sqrt(K (K - 1) W(a)), W Lambert's function and a = exp(1/(K-1) - gamma) / (2 (K - 1)); over
        sqrt(K) it falls to exp(-gamma / 2) / sqrt(2) = 0.52984.
        """
        return float(self._radius(np.asarray(0.0)))

    def radius_cdf(self, r: Any) -> Any:
        """Return the probability of a radius at most r; a number, an array or a tensor."""
        return like(erf(np.maximum(as_array(r), 0) / math.sqrt(2 * self.K)), r)

    def radius_pdf(self, r: Any) -> Any:
        """Return the density of radii at r; a number, an array or a tensor."""
        radius = as_array(r)
        density = np.sqrt(2 / (np.pi * self.K)) * np.exp(-(radius**2) / (2 * self.K))
        return like(np.where(radius < 0, 0.0, density), r)

    def marginal_log_prob(self, x: Any) -> Any:
        """Return the log density of one coordinate; x a number, an array or a tensor.

        Infinite at 0 if K > 1; see `typica.typicality.coordinate`.
        """
        log_density = coordinate_log_density(torch.as_tensor(x, dtype=torch.float64), self.K)
        return log_density if isinstance(x, Tensor) else like(log_density.numpy(), x)

    @property
    def _mean_log_radius(self) -> float:
        """E[log r], r half-normal: from E[log |z|] = -(gamma + log 2) / 2 for a standard z."""
        return (math.log(self.K / 2) - np.euler_gamma) / 2

    def _radius(self, deviation: np.ndarray) -> np.ndarray:
        """Solve r^2 / (2K) + (K - 1) log r = 1/2 + (K - 1) E[log r] + deviation.

        With r^2 = K (K - 1) w it reads w + log w = z, which Wright's omega function solves.
        """
        K = self.K
        if K == 1:
            return np.sqrt(np.maximum(1 + 2 * deviation, 0))
        z = (1 + 2 * deviation) / (K - 1) - np.euler_gamma - math.log(2 * (K - 1))
        # Far down w is exp(z), and underflows before the radius does.
        tiny = np.exp(np.minimum(z, 0) / 2)
        root = np.where(z < -50, tiny, np.sqrt(wrightomega(z)))
        return math.sqrt(K * (K - 1)) * root

    def _cdf(self, deviation: np.ndarray) -> np.ndarray:
        return erf(self._radius(deviation) / math.sqrt(2 * self.K))

    def _sf(self, deviation: np.ndarray) -> np.ndarray:
        return erfc(self._radius(deviation) / math.sqrt(2 * self.K))

    def _pdf(self, deviation: np.ndarray) -> np.ndarray:
        """The density of radii over the derivative of the deviation, r / K + (K - 1) / r."""
        radius = self._radius(deviation)
        with np.errstate(divide="ignore"):
            return self.radius_pdf(radius) * radius * self.K / (radius**2 + self.K * (self.K - 1))
