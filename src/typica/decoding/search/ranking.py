"""Candidates of a step: their log-probabilities, and the best of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from typica.core.counts import check_whole
from typica.core.device import wide_on
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError, RunError

MOST_LEVELS = 4096  # of a mixture whose masses are listed at every step


def check_listed(distribution: Distribution) -> None:
    """Refuse what a search cannot list the symbols of.

    Raises:
        ConfigError: It is a density, or has too many levels.
    """
    if isinstance(distribution, Categorical):
        return
    name = type(distribution).__name__
    if not distribution.has_enumerate_support or distribution.event_shape:
        raise ConfigError(
            f"a search lists all symbols that may follow, and {name} is a density over amplitudes: "
            f"greedy decoding takes its mode, sampling draws from it"
        )
    levels = len(distribution.enumerate_support(expand=False))
    if levels > MOST_LEVELS:
        raise ConfigError(
            f"a search lists all symbols that may follow, and {name} has {levels} levels, more "
            f"than {MOST_LEVELS}: decode it greedily, or train a model of fewer bits"
        )


def listed(distribution: Distribution) -> Tensor:
    """Return the log-probabilities of all symbols, (rows, symbols), in nats.

    Float64 where the device has it: sums of thousands of them are compared.

    Args:
        distribution: Batch shape (rows, 1), its values the integers from 0.

    Raises:
        ConfigError: See `check_listed`.
    """
    check_listed(distribution)
    if isinstance(distribution, Categorical):
        logits = distribution.logits[:, -1]
    else:
        values = distribution.enumerate_support(expand=False)
        logits = distribution.log_prob(values)[:, :, -1].T
    return logits.to(wide_on(logits.device))


def repeated(state: EngineState, times: int) -> EngineState:
    """Return a state with so many rows for each of its rows, side by side."""
    return state.pick([row for row in range(state.count) for _ in range(times)])


def check_length(length: int) -> int:
    """Return a length, which is at least 1.

    Raises:
        ConfigError: It is not, or no whole number.
    """
    if length < 1:
        raise ConfigError(f"at least 1 symbol must be decoded, got {length}")
    check_whole(length=length)
    return length


def has_ended(engine: Engine, state: EngineState) -> Tensor:
    """Return which rows of a state have come to their end already, (count,)."""
    final = engine.model.final
    if final is None:
        return torch.zeros(state.count, dtype=torch.bool, device=engine.device)
    return (state.previous == final).to(engine.device)


def ending(log_probs: Tensor, ended: Tensor, final: int | None) -> Tensor:
    """Return log-probabilities (..., rows, symbols); where rows have ended, the end is certain."""
    if final is None:
        return log_probs
    only = torch.full_like(log_probs, -torch.inf)
    only[..., final] = 0
    return torch.where(ended[..., None], only, log_probs)


def best_of(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` highest of each row and their places, best first.

    Of equal ones the first in the row come first, on every device. Places of -inf are any.

    Args:
        scores: Shape (rows, candidates).
        count: At most as many as there are candidates.

    Raises:
        RunError: A score is not a number.
    """
    values, places = scores.topk(count)
    if bool(values[:, 0].isnan().any()):
        row = int(values[:, 0].isnan().nonzero()[0, 0])
        raise RunError(f"row {row} of the search has a log-probability that is not a number")
    least = values[:, -1:]
    alike = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)
    more = ((scores >= least).sum(1) > count) & (least[:, 0] > -torch.inf)
    if not bool(alike.any() | more.any()):
        return values, places
    places = scores.argsort(dim=1, descending=True, stable=True)[:, :count]
    return scores.gather(1, places), places
