"""Sets of points against sequences of points: the factorial, the unit of volume, the orders.

The Janossy density j_n(x_1, .., x_n) times dx_1 .. dx_n is the probability of exactly n points, one
in each dx_i: n! P(n) times the density of the points in a random order. Integrals of j_n / n! sum
to one over n. It has the unit of a volume to the power -n, so that densities of sets of different
sizes are only compared against a reference, here the Poisson process of rate one.

Source: Daley and Vere-Jones 2003, "An introduction to the theory of point processes", section 5.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, permutations
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.errors import ConfigError, DataError

ENUMERATED = 8  # points, of which all orders are tried: 40 320
_AT_ONCE = 4096  # orders

Score = Callable[[Tensor], Tensor]


def set_log_prob(log_prob_ordered: float, count: int) -> float:
    """Return the log-density of a set of distinct points, from that of its points in any one order.

    The sequence model must be exchangeable, or its order uniformly random: each of the n! orders is
    then as likely. Of discrete values that repeat, there are fewer orders: see `fibres.log_orders`.
    """
    return log_prob_ordered + math.lgamma(count + 1)


def log_janossy(log_prob_ordered: float, count: int, log_prob_count: float) -> float:
    """Return the log of the Janossy density, from the density in order given the count."""
    return set_log_prob(log_prob_ordered, count) + log_prob_count


def log_density_against_poisson(log_janossy: float, volume: float) -> float:
    """Return the log-density against the Poisson process of rate one on a domain of that volume."""
    return log_janossy + volume


def rescaled_log_janossy(
    log_janossy: float, count: int, scale: float, dimensions: int = 1
) -> float:
    """Return what a log Janossy density becomes when all coordinates are multiplied by `scale`.

    Sets of different sizes shift differently: which of two is likelier depends on the unit.
    """
    return log_janossy - count * dimensions * math.log(scale)


@dataclass(frozen=True)
class PoissonProcess:
    """Points that know nothing of one another.

    Attributes:
        log_rate: Log of the rate at points (n, ...), shape (n,).
        mass: Integral of the rate over the domain: the expected number of points.
    """

    log_rate: Score
    mass: float

    @classmethod
    def homogeneous(cls, rate: float, volume: float) -> PoissonProcess:
        """Return the process of a constant rate."""

        def log_rate(points: Tensor) -> Tensor:
            return torch.full(points.shape[:1], math.log(rate), dtype=torch.float64)

        return cls(log_rate, rate * volume)

    def log_janossy(self, points: Tensor) -> float:
        """Return -mass + the sum of log rates of points (n, ...), in nats."""
        # Sorted, so that the sum does not round otherwise in another order.
        return float(self.log_rate(points).double().sort().values.sum()) - self.mass

    def thinned(self, keep: Score, mass: float) -> PoissonProcess:
        """Return the process of the points kept, each for itself, with probability `keep`.

        Args:
            keep: Probabilities at points (n, ...), shape (n,).
            mass: Integral of keep times rate.
        """
        return PoissonProcess(lambda points: self.log_rate(points) + keep(points).log(), mass)


def thin(points: Tensor, keep: Score, generator: torch.Generator | None = None) -> Tensor:
    """Keep each of points (n, ...) with a probability of its own."""
    probability = keep(points)
    uniform = torch.empty_like(probability).uniform_(generator=generator)
    return points[uniform < probability]


class OverOrders(NamedTuple):
    """The log-density of a set, in nats, and its standard error, 0 where all orders were summed."""

    value: float
    error: float


def log_prob_over_orders(
    log_prob: Score,
    points: Tensor,
    orders: int | None = None,
    generator: torch.Generator | None = None,
) -> OverOrders:
    """Return the log-density of a set under a model of sequences: the sum over its n! orders.

    From random orders the density is estimated without bias, so its logarithm is too low on
    average (Jensen's inequality), the less so the more orders are drawn.

    Args:
        log_prob: Nats of sequences (orders, n, ...), shape (orders,).
        points: The set, in any order, shape (n, ...).
        orders: How many to draw; None for all of them.
        generator: What they are drawn from.

    Raises:
        ConfigError: All orders of more than 8 points are asked for, or fewer than one.
        DataError: There are no points.
    """
    count = len(points)
    if not count:
        raise DataError("a set without points has no order: its probability is that of none")
    if orders is None and count > ENUMERATED:
        raise ConfigError(
            f"{count} points have {math.factorial(count):.3g} orders: above {ENUMERATED} points, "
            f"say how many to draw by orders="
        )
    if orders is not None and orders < 1:
        raise ConfigError(f"at least one order is drawn: got orders={orders}")
    drawn = _all_orders(count) if orders is None else _random_orders(count, orders, generator)
    scores = torch.cat([log_prob(points[rows]).double() for rows in drawn])
    log_mean = scores.logsumexp(0).item() - math.log(len(scores))
    value = set_log_prob(log_mean, count)
    if orders is None:
        return OverOrders(value, 0.0)
    return OverOrders(value, _relative_error(scores, log_mean))


def _relative_error(scores: Tensor, log_mean: float) -> float:
    """Return the standard error of a log-mean-exp, by the delta method."""
    if len(scores) < 2 or math.isinf(log_mean):
        return math.inf
    return ((scores - log_mean).exp().std() / math.sqrt(len(scores))).item()


def _all_orders(count: int) -> Iterator[Tensor]:
    orders = permutations(range(count))
    while block := list(islice(orders, _AT_ONCE)):
        yield torch.tensor(block)


def _random_orders(count: int, orders: int, generator: torch.Generator | None) -> Iterator[Tensor]:
    for begin in range(0, orders, _AT_ONCE):
        rows = min(_AT_ONCE, orders - begin)
        yield torch.rand(rows, count, dtype=torch.float64, generator=generator).argsort(-1)
