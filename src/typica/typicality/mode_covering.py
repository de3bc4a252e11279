"""One Gaussian fitted to a mixture: divergences disagree on what to cover and what to leave.

All expectations are over Gaussians, so each is a sum over a fine grid of standard deviations around
the mean: exact to rounding for the smooth functions here, and differentiable.

Source: Theis et al., 2016, https://arxiv.org/abs/1511.01844, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, Normal

from typica.core.errors import ConfigError

REACH, STEP = 10.0, 0.02  # of the grid, in standard deviations
_SAME = 1e-3  # two optima nearer than this, in mean and log of scale, are one

Objective = Callable[[Normal], Tensor]


def mixture(weights: list[float], means: list[float], scales: list[float]) -> MixtureSameFamily:
    """Return a mixture of Gaussians in one dimension, float64."""
    share, loc, scale = (torch.tensor(numbers).double() for numbers in (weights, means, scales))
    return MixtureSameFamily(Categorical(share), Normal(loc, scale), validate_args=False)


def forward_kl(target: Distribution, model: Normal) -> Tensor:
    """Return KL(p || q) in nats, p the target: what maximum likelihood lessens; it covers."""
    return _mean(target, lambda x: target.log_prob(x) - model.log_prob(x))


def reverse_kl(target: Distribution, model: Normal) -> Tensor:
    """Return KL(q || p) in nats, q the model: it will not be where the target is not."""
    return _mean(model, lambda x: model.log_prob(x) - target.log_prob(x))


def jensen_shannon(target: Distribution, model: Normal) -> Tensor:
    """Return the mean of both divergences from the half-and-half mixture, in nats."""

    def excess(one: Distribution, other: Distribution) -> Callable[[Tensor], Tensor]:
        return lambda x: (
            math.log(2) - torch.nn.functional.softplus(other.log_prob(x) - one.log_prob(x))
        )

    return (_mean(target, excess(target, model)) + _mean(model, excess(model, target))) / 2


def squared_mmd(target: Distribution, model: Normal, squared_bandwidth: float) -> Tensor:
    """Return the squared maximum mean discrepancy, kernel exp(-d^2 / (2 b^2)), in closed form.

    Source: Gretton et al., 2012, JMLR 13, equation 1; for Gaussians
    E k(x, y) = sqrt(b^2 / (b^2 + v)) exp(-m^2 / (2 (b^2 + v))), of x - y with mean m, variance v.
    """
    within = _kernel(target, target, squared_bandwidth) + _kernel(model, model, squared_bandwidth)
    return within - 2 * _kernel(target, model, squared_bandwidth)


class Fit(NamedTuple):
    """A local optimum: a Gaussian, and what the objective is there."""

    mean: float
    scale: float
    value: float


def fit_gaussian(objective: Objective, starts: Iterable[tuple[float, float]]) -> list[Fit]:
    """Lessen an objective from several starts (mean, scale).

    Returns:
        The optima that were reached, each once, the best first.

    Raises:
        ConfigError: There is no start, or a scale is not positive.
    """
    starts = list(starts)
    if not starts or min(scale for _, scale in starts) <= 0:
        raise ConfigError(f"fit from one or more (mean, scale), scale above 0: got {starts}")
    found: list[Fit] = []
    for fit in sorted((_descend(objective, *start) for start in starts), key=lambda fit: fit.value):
        if not any(_is_same(fit, other) for other in found):
            found.append(fit)
    return found


def _is_same(one: Fit, other: Fit) -> bool:
    apart = abs(one.mean - other.mean), abs(math.log(one.scale / other.scale))
    return max(apart) < _SAME


def _descend(objective: Objective, mean: float, scale: float) -> Fit:
    def value_and_slope(place: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.tensor(place, requires_grad=True)
        value = objective(Normal(at[0], at[1].exp(), validate_args=False))
        (slope,) = torch.autograd.grad(value, at)
        return value.item(), slope.numpy()

    # Scales are found by their logarithms: no step leaves the positive numbers.
    start = np.array([mean, math.log(scale)])
    result = minimize(value_and_slope, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    return Fit(float(result.x[0]), math.exp(result.x[1]), float(result.fun))


def _components(distribution: Distribution) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights, means and scales of the Gaussians of a mixture, or of one Gaussian."""
    if isinstance(distribution, MixtureSameFamily):
        parts = distribution.component_distribution
        if isinstance(parts, Normal):
            return distribution.mixture_distribution.probs, parts.loc, parts.scale
    if isinstance(distribution, Normal):
        return torch.ones(1).double(), distribution.loc[None], distribution.scale[None]
    raise ConfigError(f"expected Gaussians or a mixture of them: got {distribution}")


def _mean(distribution: Distribution, function: Callable[[Tensor], Tensor]) -> Tensor:
    weights, means, scales = _components(distribution)
    grid = torch.arange(-REACH, REACH + STEP / 2, STEP, dtype=torch.float64)
    mass = (-(grid**2) / 2).exp() * (STEP / math.sqrt(2 * math.pi))
    return weights @ (function(means[:, None] + scales[:, None] * grid) @ mass)


def _kernel(one: Distribution, other: Distribution, squared_bandwidth: float) -> Tensor:
    weights, means, scales = _components(one)
    weights_, means_, scales_ = _components(other)
    spread = squared_bandwidth + scales[:, None] ** 2 + scales_**2
    distance = (means[:, None] - means_) ** 2
    kernel = (squared_bandwidth / spread).sqrt() * (-distance / (2 * spread)).exp()
    return weights @ kernel @ weights_
