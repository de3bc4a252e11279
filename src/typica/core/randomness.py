"""Drawing from distributions with a generator of one's own, never the global one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
        return draw_index(distribution.logits, generator)
    if isinstance(distribution, Normal):
        noise = torch.empty_like(distribution.loc).normal_(generator=generator)
        return torch.addcmul(distribution.loc, distribution.scale, noise)
    raise TypeError(f"cannot draw from {type(distribution).__name__} with a generator")


def draw_index(logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw indices of the last axis with probabilities in proportion to exp(logits), int64.

    One uniform number a row is looked up in the cumulative sum, which costs a tenth of
    `torch.multinomial` where there are few rows. An index of probability zero is never drawn.
    """
    cumulative = logits.softmax(-1).cumsum(-1)
    uniform = torch.empty_like(cumulative[..., :1]).uniform_(generator=generator)
    # The sum may round to less than one: scaled by it, the last index cannot be passed.
    threshold = uniform * cumulative[..., -1:]
    return (cumulative <= threshold).sum(-1).clamp_max(logits.shape[-1] - 1)


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator with a seed."""
    return torch.Generator(device=device).manual_seed(seed)


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """Give torch's global generator of the CPU a seed, and then its own state back.

    For what takes no generator, such as the first weights of layers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
