"""A model drowned in noise: 99 % of its samples are noise, and its likelihood hardly tells.

The log-density of q = s p + (1 - s) n is at most -ln s below that of p, whatever the noise n is:
4.6 nats at s = 0.01, which nobody sees beside log-densities that grow with the dimensions.

Source: Theis et al., 2016, https://arxiv.org/abs/1511.01844, section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from typica.core.errors import ConfigError


def diluted_log_prob(log_prob: Tensor, noise_log_prob: Tensor, share: float) -> Tensor:
    """Return nats under s p + (1 - s) n, from those under p and n, of any one shape.

    Raises:
        ConfigError: The share of p is not inside (0, 1).
    """
    _check(share)
    return torch.logaddexp(log_prob + math.log(share), noise_log_prob + math.log1p(-share))


def largest_loss(share: float) -> float:
    """Return the nats that a mixture loses at most against the model it holds: -ln s.

    Raises:
        ConfigError: The share of p is not inside (0, 1).
    """
    _check(share)
    return -math.log(share)


def _check(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"the share of the model in a mixture is inside (0, 1): got {share}")
