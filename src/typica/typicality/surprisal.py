"""How surprised an autoregressive model is at each step, against how surprised it expects to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition
from typica.core.model import BLOCK, AutoregressiveModel, State
from typica.core.spread import spread


class Surprisal(NamedTuple):
    """Steps of sequences, each of shape (batch, length), in nats.

    Attributes:
        surprisal: -log p(x_t | x_<t) of what came.
        entropy: Its expectation under the model, given the same past.
        varentropy: Its variance under the model, given the same past, in nats squared.
    """

    surprisal: Tensor
    entropy: Tensor
    varentropy: Tensor


def surprisals(
    model: AutoregressiveModel, x: Tensor, condition: Condition | None = None
) -> Iterator[Surprisal]:
    """Read examples and yield their steps, block after block.

    Where no gradient is wanted, memory does not grow with their length.

    Args:
        model: An autoregressive model.
        x: Examples, as in (batch, channels, time).
        condition: What the model is told.

    Raises:
        ConfigError: Nothing is known of the spread of the model's distributions.
    """
    symbols = model.symbols(x)
    if model.length is not None:
        yield measure(model.conditionals(x, condition), symbols)
        return
    previous = F.pad(symbols[:, :-1], (1, 0), value=model.initial)
    state = model.start(len(symbols), condition)
    yield from (steps for steps, _ in walk(model, previous, symbols, state))


def walk(
    model: AutoregressiveModel, previous: Tensor, symbols: Tensor, state: State
) -> Iterator[tuple[Surprisal, State]]:
    """Go on from a state over symbols (batch, length), block after block.

    Args:
        model: An autoregressive model.
        previous: The symbols before each of `symbols`.
        symbols: What came.
        state: That has read all before `previous`.

    Yields:
        The steps of a block, and the state that has read it.
    """
    for past, now in zip(previous.split(BLOCK, 1), symbols.split(BLOCK, 1), strict=True):
        distribution, state = model.advance(past, state)
        yield measure(distribution, now), state


def measure(distribution: Distribution, value: Tensor) -> Surprisal:
    """Return the surprisal of values, and its mean and variance under their distributions.

    Raises:
        ConfigError: The distribution is neither normal nor one whose values can be listed.
    """
    entropy, varentropy = spread(distribution)
    return Surprisal(-distribution.log_prob(value), entropy, varentropy)
