"""Values in interleaved slices: parted, put together again, and seen from one another.

Slice b of `factor` holds the values whose number in time is b modulo `factor`; its values lie at
frames, one of each slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from typica.core.randomness import Randomness, draw, seeded
from typica.core.spread import spread as spread_of
from typica.core.temperature import tempered

MOST_SEEDS = 1 << 62


def sliced(values: Tensor, factor: int) -> Tensor:
    """Part values (..., time) into slices, (..., factor, frames); the time is a multiple."""
    return values.unflatten(-1, (-1, factor)).transpose(-1, -2)


def joined(slices: Tensor) -> Tensor:
    """Return values of slices (..., factor, frames) in the order of time, (..., time)."""
    return slices.transpose(-1, -2).flatten(-2)


def earlier(slices: Tensor, ends: Sequence[int], length: int) -> Tensor:
    """Gather what lies around places of each slice in the slices before it.

    Args:
        slices: Values (count, factor, frames); zeros stand for slices that there are not.
        ends: Of slice b - k, for k = 1, 2, ...: the frame behind the last that is wanted.
        length: Frames that are wanted.

    Returns:
        Shape (count, factor, factor - 1, length): of slice b, the b - k is at (b, k - 1).
    """
    count, factor = slices.shape[:2]
    near = slices.new_zeros(count, factor, factor - 1, length)
    for k, end in enumerate(ends, start=1):
        near[:, k:, k - 1] = slices[:, : factor - k, end - length : end]
    return near


def staggered(slices: Tensor, ends: Sequence[int], length: int) -> Tensor:
    """Return the last values of each slice before an end of its own.

    Of values (count, factor, ..., frames), shape (count, factor, ..., length).
    """
    parts = [slices[:, b, ..., end - length : end] for b, end in enumerate(ends)]
    return torch.stack(parts, 1)


class Interleaved(Distribution):
    """Distributions in the order of time of symbols that another tells slice by slice.

    Args:
        slices: Batch shape (count x factor, frames).
        factor: Number of slices.
        begin: First symbol that is wanted.
        length: Symbols that are.
    """

    arg_constraints: dict[str, Any] = {}

    def __init__(self, slices: Distribution, factor: int, begin: int, length: int) -> None:
        rows, frames = slices.batch_shape
        self.slices, self.factor, self.begin = slices, factor, begin
        self.behind = frames * factor - begin - length
        super().__init__(torch.Size((rows // factor, length)), validate_args=False)

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether its values can be listed."""
        return self.slices.has_enumerate_support

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probabilities of symbols (..., count, length)."""
        value = value.expand(torch.broadcast_shapes(value.shape, self.batch_shape))
        whole = sliced(F.pad(value, (self.begin, self.behind)), self.factor)
        return self._in_time(self.slices.log_prob(whole.flatten(-3, -2)))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """List its values, (values, count, length)."""
        values = self.slices.enumerate_support(expand=False)
        return values.expand(-1, *self.batch_shape) if expand else values

    def draw(self, generator: Randomness = None) -> Tensor:
        """See `typica.core.randomness.Drawable`."""
        return self._in_time(draw(self.slices, for_slices(generator, self.factor)))

    def tempered(self, temperature: float) -> Interleaved:
        """See `typica.core.temperature.Temperable`."""
        colder = tempered(self.slices, temperature)
        return Interleaved(colder, self.factor, self.begin, self.batch_shape[1])

    def spread(self) -> tuple[Tensor, Tensor]:
        """See `typica.core.spread.Spreading`."""
        entropy, varentropy = spread_of(self.slices)
        return self._in_time(entropy), self._in_time(varentropy)

    def _in_time(self, rows: Tensor) -> Tensor:
        """Bring values (..., count x factor, frames) into the order of time."""
        time = joined(rows.unflatten(-2, (-1, self.factor)))
        return time[..., self.begin : time.shape[-1] - self.behind]


def for_slices(generator: Randomness, factor: int) -> Randomness:
    """Return randomness for rows of slices: a stream's slices have generators of their own."""
    if generator is None or isinstance(generator, torch.Generator):
        return generator
    return [seeded(seed, one.device) for one in generator for seed in _seeds(one, factor)]


def _seeds(generator: torch.Generator, count: int) -> list[int]:
    return torch.randint(
        MOST_SEEDS, (count,), generator=generator, device=generator.device
    ).tolist()
