"""What an engine with rounded weights costs, held against its model."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence

from typica.core.condition import Condition
from typica.core.engine import Engine, StepEngine
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel

PART = 1 << 11  # samples read at a time: memory stays bounded
PIECE = 1 << 9  # samples whose extra bits are one measurement
LISTED = 256  # levels, at most, that a divergence is summed over


class PrecisionCost(NamedTuple):
    """What an engine loses against its model.

    Attributes:
        bits: Extra bits a sample: -log2 p of the engine, less that of the model, on average.
        error: Standard error of it, None where there is a single piece of audio.
        kl: Mean divergence of the engine's conditionals from the model's, in nats; None for
            mixtures over more than 256 levels, whose cost the bits alone tell.
    """

    bits: float
    error: float | None
    kl: float | None


@torch.no_grad()
def precision_cost(
    engine: Engine,
    model: AutoregressiveModel,
    audio: Tensor,
    condition: Condition | None = None,
) -> PrecisionCost:
    """Measure what an engine costs on audio, which it and its model both go along.

    The divergence is exact for levels and for Gaussians, and summed over all levels of a mixture
    where there are at most 256. Extra bits of pieces of 32 ms (at 16 kHz) hang together little:
    the standard error takes them as independent.

    Args:
        engine: Of the model.
        model: What the weights are not rounded in.
        audio: Shape (count, channels, time), on any device; each example is read from silence on.
        condition: What the model is told beside it, on any device.

    Raises:
        ConfigError: There is no audio.
    """
    if not audio.numel():
        raise ConfigError(f"the cost of {engine.name} is measured on audio, and there is none")
    exact = StepEngine(model)
    symbols = model.symbols(audio.to(exact.device))
    theirs, ours = (one.start(len(symbols), condition=condition) for one in (engine, exact))
    pieces, divergences = [], []
    for part in symbols.split(PART, 1):
        rounded, theirs = engine.follow(part, theirs)
        true, ours = exact.follow(part, ours)
        extra = (true.log_prob(part) - rounded.log_prob(part)).double() / math.log(2)
        pieces += [(piece.shape[1], piece.sum(1)) for piece in extra.split(PIECE, 1)]
        divergences.append(_divergence(true, rounded))
    return PrecisionCost(*_mean(pieces), _whole(divergences, symbols.numel()))


def _mean(pieces: list[tuple[int, Tensor]]) -> tuple[float, float | None]:
    """Return the mean over samples, and its standard error over pieces of unequal length.

    Source: Cochran 1977, "Sampling techniques", equation 6.13.
    """
    sums = torch.cat([total for _, total in pieces])
    lengths = torch.cat([torch.full_like(total, length) for length, total in pieces])
    mean, count = float(sums.sum() / lengths.sum()), len(sums)
    if count < 2:
        return mean, None
    spread = float((sums - mean * lengths).square().sum()) * count / (count - 1)
    return mean, math.sqrt(spread) / float(lengths.sum())


def _whole(divergences: list[Tensor | None], samples: int) -> float | None:
    known = [float(one.double().sum()) for one in divergences if one is not None]
    return sum(known) / samples if len(known) == len(divergences) else None


def _divergence(true: Distribution, rounded: Distribution) -> Tensor | None:
    """Return the divergence of `rounded` from `true` in nats, of batch shape, or None."""
    if isinstance(true, Normal):
        return kl_divergence(true, rounded)
    if not true.has_enumerate_support:
        return None
    levels = true.enumerate_support(expand=False)
    if len(levels) > LISTED:
        return None
    if isinstance(true, torch.distributions.Categorical):
        assert isinstance(rounded, torch.distributions.Categorical)
        return (true.probs * (true.logits - rounded.logits)).sum(-1)
    divergence = torch.zeros(true.batch_shape, device=levels.device)
    for level in levels:
        log_prob = true.log_prob(level)
        divergence = divergence + log_prob.exp() * (log_prob - rounded.log_prob(level))
    return divergence
