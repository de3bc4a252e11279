"""How surprised an autoregressive model is at each step, against how surprised it expects to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from typica.core.condition import Condition
from typica.core.errors import ConfigError
from typica.core.model import BLOCK, AutoregressiveModel, State

ENTROPY_OF_A_STANDARD_NORMAL = 1.4189385332046727  # nats: ln(2 pi e) / 2
LEAST = -1e4  # nats: probabilities below exp of this are 0 in float64 too
ROWS = 1 << 17  # log-probabilities that are worked on at a time
AT_ONCE = 1 << 22  # log-probabilities held at a time when a support is enumerated


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


def spread(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return entropy in nats and varentropy in nats squared, both of batch shape.

    Raises:
        ConfigError: The distribution is neither normal nor one whose values can be listed.
    """
    if isinstance(distribution, Categorical):
        return _listed(distribution.logits)
    if isinstance(distribution, Normal):
        entropy = ENTROPY_OF_A_STANDARD_NORMAL + distribution.scale.log()
        return entropy, torch.full_like(entropy, 0.5)
    if distribution.has_enumerate_support and not distribution.event_shape:
        return _enumerated(distribution)
    name = type(distribution).__name__
    raise ConfigError(
        f"the entropy of {name} at each step is not known: it is neither normal nor can its "
        f"values be listed"
    )


def _listed(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of -log p under p, log-probabilities along the last axis."""
    rows = log_probs.reshape(-1, log_probs.shape[-1])
    # Rows that fit a processor's cache: four passes over them cost less than one over memory.
    parts = [_moments(part) for part in rows.split(max(1, ROWS // rows.shape[1]))]
    entropy, varentropy = (torch.cat(found) for found in zip(*parts, strict=True))
    return entropy.view(log_probs.shape[:-1]), varentropy.view(log_probs.shape[:-1])


def _moments(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    probs = log_probs.exp()
    finite = log_probs.clamp_min(LEAST)  # 0 log 0 is 0
    entropy = -torch.linalg.vecdot(probs, finite)
    # Of squared deviations, no difference of squares: near the uniform that loses its digits.
    deviations = finite + entropy[:, None]
    return entropy, torch.linalg.vecdot(probs * deviations, deviations)


def _enumerated(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Sum over the support in two passes, a stretch of values at a time."""
    support = distribution.enumerate_support(expand=False)
    stretches = support.split(max(1, AT_ONCE // max(1, distribution.batch_shape.numel())))
    entropy = torch.zeros(distribution.batch_shape)
    varentropy = torch.zeros_like(entropy)
    for values in stretches:
        log_probs = distribution.log_prob(values)
        entropy = entropy.to(log_probs) - (log_probs.exp() * log_probs.clamp_min(LEAST)).sum(0)
    for values in stretches:
        log_probs = distribution.log_prob(values)
        deviations = log_probs.clamp_min(LEAST) + entropy
        varentropy = varentropy.to(log_probs) + (log_probs.exp() * deviations.square()).sum(0)
    return entropy, varentropy
