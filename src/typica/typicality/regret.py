"""Likelihood regret: how much better the posterior of one example could have been.

Source: Xiao, Yan and Amit, 2020, https://arxiv.org/abs/2003.02977, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from typica.core.condition import Condition
from typica.core.errors import ConfigError
from typica.core.latent import LatentVariableModel
from typica.core.randomness import seeded

JUDGES = 8  # times as many draws judge as are fitted to


@torch.enable_grad()
def likelihood_regret(
    model: LatentVariableModel,
    x: Tensor,
    *,
    steps: int = 50,
    learning_rate: float = 0.05,
    draws: int = 32,
    condition: Condition | None = None,
) -> Tensor:
    """Return the best ELBO of a posterior fitted to each example, less the encoder's.

    Fitting begins at the encoder's posterior. Both are then judged by other noise than was fitted
    to, or luck would pass for regret; where the fit is no better, regret is 0. The noise is the
    same for every example, so that the regret of one does not depend on its batch.

    Args:
        model: A model with latent variables; its weights are left as they are.
        x: Examples, (batch, ...).
        steps: Steps of Adam on mean and log-scale of each posterior.
        learning_rate: Of these steps.
        draws: Latents behind each step; eight times as many judge.
        condition: What the model is told.

    Returns:
        Regrets in nats, shape (batch,): large for examples that the encoder does not know.

    Raises:
        ConfigError: `steps` or `draws` is below 1.
    """
    if min(steps, draws) < 1:
        raise ConfigError(f"steps and draws must be at least 1, got {steps} and {draws}")
    begin = model.posterior(x, condition)
    fitted = _fit(model, x, begin, steps, learning_rate, draws, condition)
    with torch.no_grad():
        first, best = (
            _elbo(model, x, one, JUDGES * draws, condition, seeded(1, begin.mean.device))
            for one in (begin, fitted)
        )
    return (best - first).clamp_min(0)


def _fit(
    model: LatentVariableModel,
    x: Tensor,
    begin: Independent,
    steps: int,
    learning_rate: float,
    draws: int,
    condition: Condition | None,
) -> Independent:
    """Return the posterior of each example after some steps of ascent on its ELBO."""
    mean = begin.mean.detach().clone().requires_grad_()
    log_scale = begin.stddev.detach().log().requires_grad_()
    optimiser = torch.optim.Adam([mean, log_scale], learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    generator = seeded(0, mean.device)
    for _ in range(steps):
        elbo = _elbo(model, x, _normal(mean, log_scale), draws, condition, generator)
        mean.grad, log_scale.grad = torch.autograd.grad(-elbo.sum(), [mean, log_scale])
        optimiser.step()
        schedule.step()
    return _normal(mean.detach(), log_scale.detach())


def _elbo(
    model: LatentVariableModel,
    x: Tensor,
    posterior: Independent,
    draws: int,
    condition: Condition | None,
    generator: torch.Generator,
) -> Tensor:
    """Return E log p(x | z) - KL(q | p), the divergence in closed form, shape (batch,)."""
    drawn = model.weigh(x, posterior, draws, condition=condition, generator=generator)
    return drawn.likelihood.mean(0) - kl_divergence(posterior, model.prior())


def _normal(mean: Tensor, log_scale: Tensor) -> Independent:
    return Independent(Normal(mean, log_scale.exp(), validate_args=False), 1)
