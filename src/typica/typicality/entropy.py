"""Entropy of a model: four ways to know it, each named for what it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.errors import ConfigError, DataError
from typica.core.model import AutoregressiveModel, ExplicitModel
from typica.typicality.martingale import martingale_score

MOST_SEQUENCES = 1_000_000  # that are enumerated


class Entropy(NamedTuple):
    """Entropy of examples, in nats.

    Attributes:
        nats: Of one example.
        error: Standard error of it; 0 where it is exact.
        kind: "entropy", or "cross-entropy" of held-out data, which is at least the data's.
        method: How it was found.
        examples: How many stand behind it.
    """

    nats: float
    error: float
    kind: Literal["entropy", "cross-entropy"]
    method: str
    examples: int

    @property
    def bits(self) -> float:
        """Of one example, in bits."""
        return self.nats / math.log(2)


@torch.no_grad()
def sampled_entropy(
    model: ExplicitModel,
    count: int,
    length: int,
    *,
    condition: Condition | None = None,
    generator: torch.Generator | None = None,
    batch: int = 16,
) -> Entropy:
    """Estimate a model's entropy by the mean surprisal of its own samples.

    Unbiased where the density is exact; of a lower bound it is an upper bound.

    Args:
        model: A model with a density.
        count: Samples drawn.
        length: Symbols or samples of each.
        condition: What the model is told, for `batch` examples.
        generator: Where the randomness comes from.
        batch: Samples drawn side by side.

    Raises:
        ConfigError: Fewer than two samples are asked for.
    """
    drawn = _drawn(model, count, length, condition, generator, batch)
    nll = torch.cat([-model.log_prob(x, condition) for x in drawn])
    return _mean(nll[:count], "entropy", "mean surprisal of own samples")


@torch.no_grad()
def conditional_entropy(
    model: AutoregressiveModel,
    count: int,
    length: int,
    *,
    condition: Condition | None = None,
    generator: torch.Generator | None = None,
    batch: int = 16,
) -> Entropy:
    """Estimate a model's entropy by the sum of its conditional entropies along its own samples.

    The mean is that of `sampled_entropy` and the variance smaller: what each step adds by its
    own draw is averaged out (Rao-Blackwell). Arguments are those of `sampled_entropy`.

    Raises:
        ConfigError: Nothing is known of the spread of the model's distributions.
    """
    drawn = _drawn(model, count, length, condition, generator, batch)
    sums = torch.cat([martingale_score(model, x, condition).entropy for x in drawn])
    return _mean(sums[:count], "entropy", "conditional entropies along own samples")


def cross_entropy(log_prob: Tensor) -> Entropy:
    """Return the cross-entropy of held-out examples under a model.

    It is the entropy of the data plus the divergence of the model from them: no entropy of the
    model, unless the model is right.

    Args:
        log_prob: Log-likelihoods of the examples, in nats, shape (count,).

    Raises:
        ConfigError: There are fewer than two.
    """
    return _mean(-torch.as_tensor(log_prob), "cross-entropy", "mean surprisal of held-out data")


@torch.no_grad()
def enumerated_entropy(model: AutoregressiveModel, length: int) -> Entropy:
    """Return the entropy of a tiny model exactly, by going through all its sequences.

    Args:
        model: An autoregressive model whose symbols are levels.
        length: Symbols of a sequence.

    Raises:
        ConfigError: There are more than a million sequences, or no finite number.
        DataError: Their probabilities do not add up to 1.
    """
    symbols = _sequences(_levels(model), length)
    log_probs = torch.cat([model.log_prob(model.render(part)) for part in symbols.split(4096)])
    total = log_probs.double().exp().sum().item()
    if abs(total - 1) > 1e-3:
        raise DataError(
            f"the probabilities of all {len(symbols)} sequences of {type(model).__name__} add up "
            f"to {total:.4f}: its symbols do not survive `render`, or its density is no density"
        )
    nats = torch.special.entr(log_probs.double().exp()).sum().item()
    return Entropy(nats, 0.0, "entropy", "enumeration", len(symbols))


def markov_entropy_rate(transition: np.ndarray) -> float:
    """Return the entropy rate of a stationary Markov chain, in nats a step.

    Args:
        transition: Probabilities of going from a row's state to a column's.

    Raises:
        ConfigError: It is not square or its rows do not sum to 1.
    """
    matrix = np.asarray(transition, dtype=np.float64)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    if not square or (matrix < 0).any() or not np.allclose(matrix.sum(1), 1):
        raise ConfigError(f"transition must be square with rows that sum to 1, got {matrix.shape}")
    size = len(matrix)
    # Stationary: pi (P - I) = 0 and sum(pi) = 1, together in the sense of least squares.
    equations = np.vstack([matrix.T - np.eye(size), np.ones(size)])
    stationary = np.linalg.lstsq(equations, np.eye(size + 1)[size], rcond=None)[0]
    from scipy.special import entr

    return float(stationary @ entr(matrix).sum(1))


def _drawn(
    model: ExplicitModel,
    count: int,
    length: int,
    condition: Condition | None,
    generator: torch.Generator | None,
    batch: int,
) -> Iterator[Tensor]:
    """Draw whole batches where a condition is told, which is made for so many."""
    for begin in range(0, count, batch):
        number = batch if condition else min(batch, count - begin)
        yield model.sample(number, length, condition=condition, generator=generator)


def _mean(nats: Tensor, kind: Literal["entropy", "cross-entropy"], method: str) -> Entropy:
    if nats.ndim != 1 or len(nats) < 2:
        raise ConfigError(f"a mean and its error need two examples or more, got {nats.numel()}")
    nats = nats.detach().cpu().double()
    error = nats.std().item() / math.sqrt(len(nats))
    return Entropy(nats.mean().item(), error, kind, method, len(nats))


def _levels(model: AutoregressiveModel) -> int:
    device = next(model.parameters()).device
    first = torch.full((1,), model.initial, device=device)
    distribution, _ = model.step(first, model.start(1))
    if not distribution.has_enumerate_support:
        raise ConfigError(f"the symbols of {type(model).__name__} cannot be listed: draw samples")
    return len(distribution.enumerate_support(expand=False))


def _sequences(levels: int, length: int) -> Tensor:
    """Return all sequences of symbols, (levels ** length, length)."""
    if levels**length > MOST_SEQUENCES:
        raise ConfigError(
            f"{levels} levels make {levels}^{length} sequences of {length}: more than "
            f"{MOST_SEQUENCES} are not enumerated, draw samples"
        )
    numbers = torch.arange(levels**length)[:, None]
    return numbers // levels ** torch.arange(length) % levels
