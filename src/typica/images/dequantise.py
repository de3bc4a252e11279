"""From levels to densities: dequantisation, and bits per dimension with their base measure.

A density of levels plus noise u, uniform in [0, 1), bounds the probability of the levels:
log P(x) >= E log p(x + u), by Jensen's inequality, with equality where the density is constant
over each level.

Source: Theis et al., 2016, https://arxiv.org/abs/1511.01844, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.errors import ConfigError


class BitsPerDim(NamedTuple):
    """Bits for each dimension, of any shape, and what they are bits of."""

    value: Tensor
    measure: str


def dequantise(codes: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Add noise to levels: level q becomes uniform in [q, q + 1), float64."""
    # In float32 the sum may round up to the next level.
    values = codes.double()
    return values + torch.empty_like(values).uniform_(generator=generator)


def dequantised_log_prob(
    log_density: Callable[[Tensor], Tensor],
    codes: Tensor,
    *,
    draws: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Estimate the lower bound that a density sets to the log-probability of levels.

    Args:
        log_density: Nats of values (batch, ...), in which level q fills [q, q + 1); shape (batch,).
        codes: Levels from 0, shape (batch, ...).
        draws: Over how many draws of the noise the bound is averaged.
        generator: What the noise is drawn from.

    Returns:
        Nats, shape (batch,), float64.

    Raises:
        ConfigError: There are no draws.
    """
    if draws < 1:
        raise ConfigError(f"the bound is a mean over draws of noise: got draws={draws}")
    total = sum(log_density(dequantise(codes, generator)).double() for _ in range(draws))
    return torch.as_tensor(total) / draws


def bits_per_dim(log_prob: Tensor, dimensions: int, *, levels: int) -> BitsPerDim:
    """Return the bits per dimension of a model of levels.

    Args:
        log_prob: Nats of examples, any shape.
        dimensions: Values of an example, such as height x width x channels.
        levels: How many levels a value has; they name the measure.
    """
    return BitsPerDim(_bits(log_prob, dimensions), f"{levels} levels")


def dequantised_bits_per_dim(
    log_density: Tensor, dimensions: int, *, levels: int, width: float = 1.0
) -> BitsPerDim:
    """Return the bits per dimension of levels under a density of values that fill `width`.

    A level fills width / levels: of 256 levels scaled to [0, 1], every dimension costs 8 bits more
    than its density says.

    Args:
        log_density: Nats of dequantised examples, any shape.
        dimensions: Values of an example.
        levels: How many levels a value has.
        width: Of the interval they fill: 1 for [0, 1], 2 for [-1, 1], `levels` if unscaled.

    Raises:
        ConfigError: The width is not positive, or there are no levels.
    """
    if not (width > 0 and levels > 0):
        raise ConfigError(f"levels fill a width above 0: got levels={levels}, width={width}")
    bits = _bits(log_density, dimensions) + math.log2(levels / width)
    return BitsPerDim(bits, f"{levels} levels, dequantised: an upper bound")


def _bits(nats: Tensor, dimensions: int) -> Tensor:
    if dimensions < 1:
        raise ConfigError(f"an example has 1 dimension or more: got dimensions={dimensions}")
    return -torch.as_tensor(nats, dtype=torch.float64) / (dimensions * math.log(2))
