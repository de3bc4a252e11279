"""Temperature: making a distribution surer of itself, or less sure."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from typica.core.errors import ConfigError

LISTED_AT_ONCE = 4096  # values whose probabilities are held at a time

# Logits of some tens in float32 are off by some 1e-6: divided by less than that, what is drawn is
# their rounding. Beyond 1e6 all that can be drawn is alike to as many digits.
LEAST, MOST = 1e-6, 1e6


def check_temperature(temperature: float) -> None:
    """Refuse what no engine can draw at: the same temperatures for all of them.

    Raises:
        ConfigError: It is neither 0 nor from `LEAST` to `MOST`.
    """
    if not temperature >= 0:  # which NaN is not either
        raise ConfigError(f"temperature must be at least 0, got {temperature:g}")
    if temperature and not LEAST <= temperature <= MOST:
        raise ConfigError(
            f"temperature must be 0, which takes the most likely, or from {LEAST:g} to {MOST:g}, "
            f"got {temperature:g}"
        )


@runtime_checkable
class Temperable(Protocol):
    """A distribution that says itself what temperature means for it."""

    def tempered(self, temperature: float) -> Distribution:
        """Return it at a temperature; 1 changes nothing."""


def tempered(distribution: Distribution, temperature: float) -> Distribution:
    """Return a distribution at a temperature.

    A categorical's log-probabilities are divided by it, so that it is p(x) ** (1 / T),
    normalised. A Gaussian's scale is multiplied by its square root, which is the same.

    Raises:
        TypeError: Nothing is known of this distribution.
    """
    if temperature == 1:
        return distribution
    if isinstance(distribution, Temperable):
        return distribution.tempered(temperature)
    if isinstance(distribution, Categorical):
        return Categorical(logits=distribution.logits / temperature, validate_args=False)
    if isinstance(distribution, Normal):
        scale = distribution.scale * temperature**0.5
        return Normal(distribution.loc, scale, validate_args=False)
    raise TypeError(f"there is no temperature for {type(distribution).__name__}")


def most_likely(distribution: Distribution) -> Tensor:
    """Return the most likely value, of batch shape: what temperature 0 draws.

    Raises:
        TypeError: The distribution has no known mode, and its values cannot be listed.
    """
    if isinstance(distribution, Categorical | Normal):
        return distribution.mode
    if not distribution.has_enumerate_support or distribution.event_shape:
        raise TypeError(f"the most likely value of {type(distribution).__name__} is not known")
    values = distribution.enumerate_support(expand=False)
    best, found = None, None
    for some in values.split(LISTED_AT_ONCE):
        log_prob, index = distribution.log_prob(some).max(0)
        value = some.expand(len(some), *distribution.batch_shape).gather(0, index[None])[0]
        if best is None or found is None:
            best, found = log_prob, value
        else:
            found = torch.where(log_prob > best, value, found)
            best = torch.maximum(best, log_prob)
    assert found is not None
    return found
