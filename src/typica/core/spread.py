"""How surprising a distribution expects its own values to be."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from typica.core.errors import ConfigError

ENTROPY_OF_A_STANDARD_NORMAL = 1.4189385332046727  # nats: ln(2 pi e) / 2
LEAST = -1e4  # nats: probabilities below exp of this are 0 in float64 too
ROWS = 1 << 17  # log-probabilities that are worked on at a time
AT_ONCE = 1 << 22  # log-probabilities held at a time when a support is enumerated


@runtime_checkable
class Spreading(Protocol):
    """A distribution that tells its spread itself."""

    def spread(self) -> tuple[Tensor, Tensor]:
        """Return entropy in nats and varentropy in nats squared, both of batch shape."""


def spread(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return entropy in nats and varentropy in nats squared, both of batch shape.

    Raises:
        ConfigError: The distribution is neither normal nor one whose values can be listed.
    """
    if isinstance(distribution, Spreading):
        return distribution.spread()
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
    entropy = torch.zeros(distribution.batch_shape, device=support.device)
    varentropy = torch.zeros_like(entropy)
    for values in stretches:
        log_probs = distribution.log_prob(values)
        entropy = entropy.to(log_probs.dtype) - (log_probs.exp() * log_probs.clamp_min(LEAST)).sum(
            0
        )
    for values in stretches:
        log_probs = distribution.log_prob(values)
        deviations = log_probs.clamp_min(LEAST) + entropy
        varentropy = varentropy.to(log_probs.dtype) + (log_probs.exp() * deviations.square()).sum(0)
    return entropy, varentropy
