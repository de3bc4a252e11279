"""Initialisers: functions from a shape to a tensor, for the leaves of expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

Initialiser = Callable[[Sequence[int]], Tensor]


def normal(
    mean: float = 0.0, std: float = 0.01, *, generator: Generator | None = None
) -> Initialiser:
    """Draw from a Gaussian."""
    return _drawn(lambda leaf: leaf.normal_(mean, std, generator=generator))


def uniform(
    low: float = -0.01, high: float = 0.01, *, generator: Generator | None = None
) -> Initialiser:
    """Draw evenly from an interval."""
    return _drawn(lambda leaf: leaf.uniform_(low, high, generator=generator))


def constant(number: float) -> Initialiser:
    """Fill with a number."""
    return _drawn(lambda leaf: leaf.fill_(number))


def glorot(gain: float = 1.0, *, generator: Generator | None = None) -> Initialiser:
    """Draw evenly, with variance 2 gain^2 / (inputs + outputs); vectors and scalars are zero.

    Inputs and outputs are counted as torch does: `shape[1]` and `shape[0]`, times the taps.

    Source: Glorot and Bengio, 2010, equation 16.
    """

    def initialise(shape: Sequence[int]) -> Tensor:
        if len(shape) < 2:
            return torch.zeros(tuple(shape))
        taps = math.prod(shape[2:])
        bound = gain * math.sqrt(6 / ((shape[0] + shape[1]) * taps))
        return torch.empty(tuple(shape)).uniform_(-bound, bound, generator=generator)

    return initialise


def filled(fill: Callable[..., Any], *args: Any, **settings: Any) -> Initialiser:
    """Let one of torch's own functions fill the leaf: `filled(nn.init.orthogonal_, gain=2)`."""
    return _drawn(lambda leaf: fill(leaf, *args, **settings))


def _drawn(fill: Callable[[Tensor], Any]) -> Initialiser:
    def initialise(shape: Sequence[int]) -> Tensor:
        leaf = torch.empty(tuple(shape))
        with torch.no_grad():
            fill(leaf)
        return leaf

    return initialise


zeros = constant(0.0)
ones = constant(1.0)
