"""Models with latent variables: what tools may ask of a VAE beyond its density."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from typica.core.condition import Condition
from typica.core.model import ExplicitModel
from typica.core.randomness import seeded


class Draws(NamedTuple):
    """Latents drawn from a posterior, and what they weigh; each of shape (draws, batch).

    Attributes:
        likelihood: log p(x | z), in nats.
        prior: log p(z).
        posterior: log q(z | x).
    """

    likelihood: Tensor
    prior: Tensor
    posterior: Tensor

    @property
    def weights(self) -> Tensor:
        """Logarithms of p(x, z) / q(z | x), shape (draws, batch): their mean is the ELBO."""
        return self.likelihood + self.prior - self.posterior


class LatentVariableModel(ExplicitModel):
    """A model p(x) = E over z ~ N(0, I) of p(x | z), with an approximate posterior q(z | x).

    Its `log_prob` is the importance-weighted lower bound of Burda et al., 2015,
    https://arxiv.org/abs/1509.00519, equation 8. The noise of the draws is the same for every
    example and every call: the bound depends on the example alone.
    """

    density: ClassVar[Literal["exact", "lower bound"]] = "lower bound"
    draws: ClassVar[int] = 16  # latents behind one bound

    @property
    @abstractmethod
    def latent_size(self) -> int:
        """Number of latent variables of an example."""

    @abstractmethod
    def posterior(self, x: Tensor, condition: Condition | None = None) -> Independent:
        """Return q(z | x), normal, batch shape (batch,), event shape (latent_size,)."""

    @abstractmethod
    def likelihood(self, x: Tensor, latents: Tensor, condition: Condition | None = None) -> Tensor:
        """Return log p(x | z) in nats, (draws, batch), of latents (draws, batch, latent_size)."""

    def prior(self) -> Independent:
        """Return p(z): independent standard normals, event shape (latent_size,)."""
        parameter = next(self.parameters())
        zero = parameter.new_zeros(self.latent_size)
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1)

    def weigh(
        self,
        x: Tensor,
        posterior: Independent,
        draws: int,
        *,
        condition: Condition | None = None,
        generator: torch.Generator | None = None,
    ) -> Draws:
        """Draw latents from a normal posterior, differentiably, and weigh them.

        The noise is shared by the examples of the batch.
        """
        mean = posterior.mean
        noise = mean.new_empty(draws, 1, self.latent_size).normal_(generator=generator)
        latents = mean + posterior.stddev * noise
        return Draws(
            self.likelihood(x, latents, condition),
            self.prior().log_prob(latents),
            posterior.log_prob(latents),
        )

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return a lower bound of the log-density, in nats, shape (batch,); see the class."""
        generator = seeded(0, next(self.parameters()).device)
        posterior = self.posterior(x, condition)
        drawn = self.weigh(x, posterior, self.draws, condition=condition, generator=generator)
        return drawn.weights.logsumexp(0) - math.log(self.draws)
