"""Likelihood regret: how much better the posterior of one example could have been.

Source: Xiao, Yan and Amit, 2020, https://arxiv.org/abs/2003.02977, equation 5.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from typica.core.condition import Condition
from typica.core.errors import ConfigError
from typica.core.latent import LatentVariableModel
from typica.core.randomness import seeded


@torch.enable_grad()
def likelihood_regret(
    model: LatentVariableModel,
    x: Tensor,
    *,
    steps: int = 50,
    learning_rate: float = 0.05,
    draws: int = 16,
    condition: Condition | None = None,
) -> Tensor:
    """Return the best ELBO of a posterior fitted to each example, less the encoder's.

    The encoder posterior is where fitting begins and the best one met is kept, so that regret
    is never below 0. The noise is the same at every step and for every example: what grows is
    the fit, not the luck, and the regret of one example does not depend on its batch.

    Args:
        model: A model with latent variables; its weights are left as they are.
        x: Examples, (batch, ...).
        steps: Steps of Adam on mean and log-scale of each posterior.
        learning_rate: Of these steps.
        draws: Latents behind each ELBO.
        condition: What the model is told.

    Returns:
        Regrets in nats, shape (batch,): large for examples that the encoder does not know.

    Raises:
        ConfigError: `steps` or `draws` is below 1.
    """
    if min(steps, draws) < 1:
        raise ConfigError(f"steps and draws must be at least 1, got {steps} and {draws}")
    begin = model.posterior(x, condition)
    mean = begin.mean.detach().clone().requires_grad_()
    log_scale = begin.stddev.detach().log().requires_grad_()
    optimiser = torch.optim.Adam([mean, log_scale], learning_rate)
    best = first = None
    for step in range(steps + 1):
        posterior = Independent(Normal(mean, log_scale.exp(), validate_args=False), 1)
        generator = seeded(0, mean.device)
        drawn = model.weigh(x, posterior, draws, condition=condition, generator=generator)
        elbo = drawn.weights.mean(0)
        first = elbo.detach() if first is None else first
        best = elbo.detach() if best is None else torch.fmax(best, elbo.detach())
        if step < steps:
            mean.grad, log_scale.grad = torch.autograd.grad(-elbo.sum(), [mean, log_scale])
            optimiser.step()
    assert best is not None
    assert first is not None
    return best - first
