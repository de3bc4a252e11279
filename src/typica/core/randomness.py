"""Drawing from distributions with a generator of one's own, never the global one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

Randomness = torch.Generator | Sequence[torch.Generator] | None
"""One generator for all rows, or one for each: then no row depends on how many there are."""


@runtime_checkable
class Drawable(Protocol):
    """A distribution that draws with a given generator."""

    def draw(self, generator: Randomness = None) -> Tensor:
        """Draw one value, of the distribution's batch shape."""


def draw(distribution: Distribution, generator: Randomness = None) -> Tensor:
    """Draw one value of batch shape; torch's own `sample` takes no generator.

    Raises:
        TypeError: The distribution is none of torch's that are known here and has no `draw`.
    """
    if isinstance(distribution, Drawable):
        return distribution.draw(generator)
    if isinstance(distribution, Categorical):
        return draw_index(distribution.logits, generator)
    if isinstance(distribution, Normal):
        noise = normals_like(distribution.loc, generator)
        return torch.addcmul(distribution.loc, distribution.scale, noise)
    raise TypeError(f"cannot draw from {type(distribution).__name__} with a generator")


def draw_index(logits: Tensor, generator: Randomness = None) -> Tensor:
    """Draw indices of the last axis with probabilities in proportion to exp(logits), int64.

    One uniform number a row is looked up in the cumulative sum, which costs a tenth of
    `torch.multinomial` where there are few rows. An index of probability zero is never drawn.
    """
    cumulative = logits.softmax(-1).cumsum(-1)
    uniform = uniforms_like(cumulative[..., :1], generator)
    # The sum may round to less than one: scaled by it, the last index cannot be passed.
    threshold = uniform * cumulative[..., -1:]
    return (cumulative <= threshold).sum(-1).clamp_max(logits.shape[-1] - 1)


def uniforms_like(tensor: Tensor, generator: Randomness = None, *, least: float = 0.0) -> Tensor:
    """Return uniform numbers in [least, 1), as many as a tensor has, on its device."""
    empty = torch.empty_like(tensor)
    for part, source in _rows(empty, generator):
        part.uniform_(least, 1, generator=source)
    return empty


def normals_like(tensor: Tensor, generator: Randomness = None) -> Tensor:
    """Return standard normal numbers, as many as a tensor has, on its device."""
    empty = torch.empty_like(tensor)
    for part, source in _rows(empty, generator):
        part.normal_(generator=source)
    return empty


def _rows(tensor: Tensor, generator: Randomness) -> Iterator[tuple[Tensor, torch.Generator | None]]:
    """Yield parts of a tensor, each with what fills it."""
    if generator is None or isinstance(generator, torch.Generator):
        yield tensor, generator
        return
    yield from zip(tensor, generator, strict=True)


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator with a seed."""
    return torch.Generator(device=device).manual_seed(seed)


def seeded_rows(seed: int, count: int, device: torch.device | str = "cpu") -> list[torch.Generator]:
    """Return a generator for each row; the first ones are the same whatever the count."""
    digests = (sha256(f"{seed} {row}".encode()).digest() for row in range(count))
    return [seeded(int.from_bytes(digest[:8], "big") >> 1, device) for digest in digests]


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """Give torch's global generator of the CPU a seed, and then its own state back.

    For what takes no generator, such as the first weights of layers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
