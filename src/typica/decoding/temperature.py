"""Temperature: making a distribution surer of itself, or less sure."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch.distributions import Categorical, Distribution, Normal


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
