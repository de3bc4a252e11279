"""Invertible models: what tools may ask of a flow beyond its density."""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import Tensor

from typica.core.condition import Condition
from typica.core.model import ExplicitModel


class InvertibleModel(ExplicitModel):
    """A model that maps examples to independent standard normals, and back.

    log p(x) = log N(z; 0, I) + log |det dz/dx|. Priors that depend on other latents belong to
    the map: (z - mean) / scale is standard normal.
    """

    @abstractmethod
    def forward(self, x: Tensor, condition: Condition | None = None) -> tuple[Tensor, Tensor]:
        """Map examples to latents (batch, dimensions) and log |det dz/dx|, (batch,), in nats."""

    @abstractmethod
    def inverse(self, latents: Tensor, condition: Condition | None = None) -> Tensor:
        """Map latents (batch, dimensions) to examples."""

    def lift(self, x: Tensor) -> Tensor:
        """Return examples as continuous values; levels are spread over their bins by noise.

        The noise is the same at every call and for every example, except in training.
        """
        return x

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return the log-density of each example, in nats, shape (batch,).

        Of levels it is the lower bound log P(x) >= E log p(x + noise), by one draw of the noise.
        """
        latents, log_det = self(self.lift(x), condition)
        return standard_normal(latents) + log_det


def standard_normal(latents: Tensor) -> Tensor:
    """Return log N(z; 0, I) of latents (batch, dimensions), in nats, shape (batch,)."""
    latents = latents.double()
    return -0.5 * (latents.square() + math.log(2 * math.pi)).sum(-1)
