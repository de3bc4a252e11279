"""Drawing from distributions with a generator of one's own, never the global one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal


@runtime_checkable
class Drawable(Protocol):
    """A distribution that draws with a given generator."""

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw one value, of the distribution's batch shape."""


def draw(distribution: Distribution, generator: torch.Generator | None = None) -> Tensor:
    """Draw one value of batch shape; torch's own `sample` takes no generator.

    Raises:
        TypeError: The distribution is none of torch's that are known here and has no `draw`.
    """
    if isinstance(distribution, Drawable):
        return distribution.draw(generator)
    if isinstance(distribution, Categorical):
        probabilities = distribution.logits.softmax(-1)
        flat = probabilities.reshape(-1, probabilities.shape[-1])
        return torch.multinomial(flat, 1, generator=generator).view(probabilities.shape[:-1])
    if isinstance(distribution, Normal):
        noise = torch.empty_like(distribution.loc).normal_(generator=generator)
        return torch.addcmul(distribution.loc, distribution.scale, noise)
    raise TypeError(f"cannot draw from {type(distribution).__name__} with a generator")


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator with a seed."""
    return torch.Generator(device=device).manual_seed(seed)
