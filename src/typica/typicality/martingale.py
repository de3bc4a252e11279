"""The martingale test: is a sequence as surprising, step by step, as the model itself expects?

Under an autoregressive model the sums of surprisal less conditional entropy, s_t - h_t, are a
martingale with mean 0, whatever the model: neither reference data nor the model's entropy is
needed. What the sums vary by is known too: their variance is that of the model's own steps, v_t.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.special import ndtr
from torch import Tensor

from typica.core.condition import Condition
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel
from typica.typicality.surprisal import Surprisal, surprisals


class Martingale(NamedTuple):
    """Where the martingale of each example ends, float64, each of shape (batch,).

    Attributes:
        log_prob: Log-likelihood, in nats.
        entropy: Sum of the conditional entropies along the way, in nats.
        variance: Sum of the conditional variances along the way, in nats squared.
    """

    log_prob: Tensor
    entropy: Tensor
    variance: Tensor

    @property
    def excess(self) -> Tensor:
        """Surprisal above what the model expected, in nats: its mean under the model is 0."""
        return -self.log_prob - self.entropy

    @property
    def z(self) -> Tensor:
        """Excess by its standard deviation: close to a standard normal under the model.

        0 where the model was certain of every step and right.
        """
        return self.scaled(self.variance)

    @property
    def p_value(self) -> Tensor:
        """Two-sided, by the normal approximation: small where too surprising or too little so."""
        return p_value(self.z)

    def scaled(self, variance: Tensor | float) -> Tensor:
        """Return the excess by the root of a variance that does not depend on the path.

        With the model's mean of `variance` over its own samples, the mean of the result is 0
        exactly; that of `z` is so only nearly, for paths that surprise tend to be varied ones.
        """
        variance = torch.as_tensor(variance, dtype=self.excess.dtype)
        z = self.excess / variance.sqrt()
        return torch.where((self.excess == 0) & (variance == 0), 0.0, z)


def martingale_score(
    model: AutoregressiveModel, x: Tensor, condition: Condition | None = None
) -> Martingale:
    """Follow the martingale of each example to its end, on the CPU in float64.

    Under `torch.no_grad` memory does not grow with the examples' length.

    Args:
        model: An autoregressive model.
        x: Examples, as in (batch, channels, time).
        condition: What the model is told.

    Raises:
        ConfigError: Nothing is known of the spread of the model's distributions.
    """
    blocks = [_totals(steps) for steps in surprisals(model, x, condition)]
    return Martingale(*(torch.stack(column).sum(0) for column in zip(*blocks, strict=True)))


def windows(
    model: AutoregressiveModel, x: Tensor, size: int, condition: Condition | None = None
) -> Martingale:
    """Follow the martingale within windows of each example: where in time is it odd?

    Each window is read given all that came before it, so windows are tests of their own.

    Args:
        model: An autoregressive model.
        x: Examples, as in (batch, channels, time).
        size: Symbols of a window; what is left over at the end makes a shorter one.
        condition: What the model is told.

    Returns:
        Of shape (batch, windows).

    Raises:
        ConfigError: `size` is below 1, or nothing is known of the model's spread.
    """
    if size < 1:
        raise ConfigError(f"a window must hold at least 1 symbol, got {size}")
    steps = [torch.cat(parts, 1) for parts in zip(*surprisals(model, x, condition), strict=True)]
    parts = zip(*(step.split(size, 1) for step in steps), strict=True)
    cut = [_totals(Surprisal(*part)) for part in parts]
    return Martingale(*(torch.stack(column, 1) for column in zip(*cut, strict=True)))


def p_value(z: Tensor) -> Tensor:
    """Return the share of a standard normal that is at least as far from 0, two-sided."""
    return torch.from_numpy(2 * ndtr(-z.detach().cpu().abs().double().numpy()))


def _totals(steps: Surprisal) -> Martingale:
    surprisal, entropy, varentropy = (part.cpu().double().sum(1) for part in steps)
    return Martingale(-surprisal, entropy, varentropy)
