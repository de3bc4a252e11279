"""The typical set of anything that has a density: samples about as likely as most samples are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from torch import Tensor

from typica.core.errors import ConfigError, DataError
from typica.typicality.units import Per, Unit, as_array, like, radius_in_nats

Values = TypeVar("Values", float, np.ndarray, Tensor)

TOLERANCE = 1e-9  # relative to eps: a coin hits the boundary exactly, which belongs to the set
ROUNDING = 1e-12  # relative to the entropy, from which a sum of log probabilities is that far


class Mass(NamedTuple):
    """A share of samples, with the Wilson interval around it.

    Attributes:
        mass: The share that lies in the typical set.
        low: Lower end of the interval.
        high: Upper end of the interval.
        count: Samples that it was counted from.
    """

    mass: float
    low: float
    high: float
    count: int  # type: ignore[assignment]  # hides tuple.count


@dataclass(frozen=True)
class TypicalSet:
    """All x with |-log p(x) - H| <= eps, the boundary included.

    For independent symbols, an eps per dimension gives the set of the asymptotic equipartition
    property, whose mass tends to one; with one total eps for all n the mass tends to zero.

    Attributes:
        entropy: H of a whole example, in nats.
        eps: Half the width of the set, in `unit` and `per`; the entropy is in nats all the same.
        unit: "nats" or "bits", of `eps`.
        per: "total" or "dim", of `eps`.
        n: Dimensions of an example, needed for "dim".

    Raises:
        ConfigError: The entropy is not finite, eps is negative, or a unit does not exist.

    Source: Cover and Thomas 2006, "Elements of information theory", chapter 3.
    """

    entropy: float
    eps: float
    unit: Unit
    per: Per
    n: int | None = None
    eps_nats: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not math.isfinite(self.entropy):
            raise ConfigError(f"entropy must be finite, got {self.entropy}")
        nats = radius_in_nats(float(self.eps), unit=self.unit, per=self.per, n=self.n)
        object.__setattr__(self, "entropy", float(self.entropy))
        object.__setattr__(self, "eps_nats", nats)

    def deviation(self, log_prob: Values) -> Values:
        """Return -log p(x) - H in nats, for log probabilities (nats, whole example) of any shape.

        It is negative where x is more likely than typical samples are. In float64, for here two
        large numbers are subtracted.
        """
        if isinstance(log_prob, Tensor):
            return -log_prob.double() - self.entropy
        return like(-as_array(log_prob) - self.entropy, log_prob)

    def contains(self, log_prob: Values) -> Any:
        """Say of each log probability whether its example is typical: booleans of its shape."""
        return within(self.deviation(log_prob), self.eps_nats, self.entropy)

    def mass_mc(self, log_probs: Any, *, confidence: float = 0.95) -> Mass:
        """Estimate the mass of the set from log probabilities of samples of the same density.

        Args:
            log_probs: Of independent samples, in nats, any shape.
            confidence: Of the interval.

        Raises:
            DataError: There are none, or one is not a number.
            ConfigError: The confidence is not between 0 and 1.
        """
        values = as_array(log_probs).ravel()
        if not values.size:
            raise DataError("the mass of a typical set cannot be counted from no samples")
        if np.isnan(values).any():
            raise DataError(f"log probability {int(np.isnan(values).argmax())} is not a number")
        return wilson(int(np.sum(self.contains(values))), values.size, confidence=confidence)


def within(deviation: Any, eps: float, entropy: float) -> Any:
    """Return |deviation| <= eps, all in nats, for numbers that went through rounding."""
    return abs(deviation) <= eps * (1 + TOLERANCE) + ROUNDING * abs(entropy)


def wilson(hits: int, count: int, *, confidence: float = 0.95) -> Mass:
    """Return the share of hits and its Wilson interval, which stays in [0, 1] at the ends.

    Raises:
        ConfigError: The confidence is not between 0 and 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    from scipy.special import ndtri

    if not 0 < confidence < 1:
        raise ConfigError(f"confidence must lie between 0 and 1, got {confidence}")
    share, square = hits / count, float(ndtri((1 + confidence) / 2)) ** 2
    centre = (share + square / (2 * count)) / (1 + square / count)
    spread = share * (1 - share) / count + square / (4 * count**2)
    half = math.sqrt(square * spread) / (1 + square / count)
    low = centre - half if hits else 0.0
    return Mass(share, low, centre + half if hits < count else 1.0, count)
