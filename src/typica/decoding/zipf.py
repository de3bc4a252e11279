"""The Zipf law that the first version of mirostat fits to a distribution, and what it asks for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FITTED = 100  # most likely values whose probabilities are looked at
LEAST_EXPONENT, NEAR_ONE = 1e-3, 1e-4


def zipf_exponent(log_probs: Tensor) -> Tensor:
    """Fit p(rank) in proportion to rank ** -s to the most likely values.

    The exponent is the least-squares solution for ratios of neighbours in rank.

    Args:
        log_probs: Normalised log-probabilities (..., values), in nats.

    Returns:
        The exponent of each row, at least 0, (...), float64.

    Source: Basu et al., 2021, https://arxiv.org/abs/2007.14966, algorithm 1.
    """
    most = min(FITTED, log_probs.shape[-1])
    top = log_probs.double().topk(most, -1).values
    ranks = torch.arange(1, most + 1, device=log_probs.device, dtype=top.dtype)
    steps = (ranks[1:] / ranks[:-1]).log()
    falls = top[..., :-1] - top[..., 1:]
    known = top[..., 1:] > -math.inf  # what has no probability fits no law
    squares = (steps.square() * known).sum(-1)
    exponent = (falls.where(known, 0.0) * steps).sum(-1) / squares.clamp_min(1e-300)
    return exponent.clamp_min(0)


def zipf_count(log_probs: Tensor, surprise: Tensor) -> Tensor:
    """Return how many of the most likely values have an expected surprisal of so much.

    Args:
        log_probs: Normalised log-probabilities (..., values), in nats.
        surprise: What is wanted, (...), in nats.

    Returns:
        A number from 1 to that of the values for each row, (...).

    Source: as of `zipf_exponent`; where the exponent is 1, the limit of what stands there.
    """
    count = log_probs.shape[-1]
    exponent = zipf_exponent(log_probs).clamp_min(LEAST_EXPONENT)
    excess = exponent - 1
    safe = excess.where(excess.abs() > NEAR_ONE, NEAR_ONE)
    # log of (1 - count ** -excess) / excess, which tends to log(count) as the excess vanishes.
    width = (-torch.expm1(-safe * math.log(max(count, 2))) / safe).log()
    log_count = (surprise.double() - width) / exponent
    return log_count.clamp(0, math.log(count)).exp().round().long().clamp(1, count)
