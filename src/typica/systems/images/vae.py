"""VAE: a model of images with latent variables, by a convolutional encoder and decoder.

Source: Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114; Rezende et al., 2014,
https://arxiv.org/abs/1401.4082. Against a posterior that collapses into the prior: free bits, from
Kingma et al., 2016, https://arxiv.org/abs/1606.04934, equation 15; the weight of the divergence,
which rises at first, from Bowman et al., 2015, https://arxiv.org/abs/1511.06349.
Departs from them: values are levels, which have probabilities; the papers' greys have densities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from typica.core.condition import Condition, check_condition
from typica.core.latent import LatentVariableModel
from typica.core.phase import Batch, Phase
from typica.core.randomness import draw
from typica.images.model import ImageConfig, ImageModel
from typica.layers.distributions import DiscretisedLogisticMixture, Levels

SMALLEST_DEVIATION = 1e-4  # of the posterior, whose prior has 1
LOG_SCALE_FLOOR = -7.0  # of logistics on the scale where levels span [-1, 1], as in PixelCNN++


@dataclass(frozen=True)
class VAEConfig(ImageConfig):
    """Size of a VAE, and what it is trained for.

    Attributes:
        latents: Latent variables of an image.
        scales: Times that the encoder halves height and width, which they must admit, and the
            decoder doubles them.
        hidden: Width of both networks.
        output: What the decoder says of a value given the latents: a "logistic" over the levels
            with a centre and a scale of its own, or a "categorical", any distribution over them.
        beta: Weight of the divergence between posterior and prior; 1 makes the loss a bound, 0
            an autoencoder.
        annealing: Training batches over which that weight rises from 0; 0 for none.
        free_bits: Nats that a latent may carry on average before its divergence counts.
    """

    latents: int = 64
    scales: int = 3
    hidden: int = 64
    output: Literal["logistic", "categorical"] = "logistic"
    beta: float = 1.0
    annealing: int = 0
    free_bits: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_at_least(1, "latents", "hidden")
        self.check_at_least(0, "scales", "beta", "annealing", "free_bits")
        self.check_halves(self.scales)

    @property
    def outputs(self) -> int:
        """Numbers that the decoder gives for a value."""
        return self.levels if self.output == "categorical" else 2

    @property
    def narrowest(self) -> tuple[int, int, int]:
        """Shape of an image's features next to the latents: hidden, height, width."""
        return self.hidden, self.height >> self.scales, self.width >> self.scales


class VAE(ImageModel, LatentVariableModel):
    """See the module's docstring."""

    config_type = VAEConfig
    config: VAEConfig
    batches: Tensor

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        # Saved with the weights: a run that is resumed goes on where its annealing was.
        self.register_buffer("batches", torch.tensor(0))

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return f"{self.config.levels}-level pixels"

    @property
    def latent_size(self) -> int:
        """See `LatentVariableModel.latent_size`."""
        return self.config.latents

    def posterior(self, x: Tensor, condition: Condition | None = None) -> Independent:
        """See `LatentVariableModel.posterior`.

        Raises:
            ShapeError: `x` is not (batch, channels, height, width).
            DataError: It holds other numbers than levels.
        """
        self.check_shape(x)
        self.check_levels(x)
        check_condition(condition, self.needs, len(x))
        amplitudes = 2 * x.to(next(self.parameters()).dtype) / (self.config.levels - 1) - 1
        mean, raw = self.encoder(amplitudes).chunk(2, 1)
        deviation = F.softplus(raw) + SMALLEST_DEVIATION
        return Independent(Normal(mean, deviation, validate_args=False), 1, validate_args=False)

    def decode(self, latents: Tensor) -> Distribution:
        """Return p(x | z) of latents (batch, latent_size), value by value.

        Its batch shape is (batch, channels, height, width).
        """
        config = self.config
        said = self.decoder(latents).unflatten(1, (config.channels, config.outputs)).movedim(2, -1)
        if config.output == "categorical":
            return Levels(said.log_softmax(-1))
        mean, log_scale = said.chunk(2, -1)
        log_scale = log_scale.clamp_min(LOG_SCALE_FLOOR)
        return DiscretisedLogisticMixture(torch.zeros_like(mean), mean, log_scale, config.levels)

    def likelihood(self, x: Tensor, latents: Tensor, condition: Condition | None = None) -> Tensor:
        """See `LatentVariableModel.likelihood`."""
        check_condition(condition, self.needs, len(x))
        log_prob = self.decode(latents.flatten(0, 1)).log_prob(x.repeat(len(latents), 1, 1, 1))
        return log_prob.flatten(1).sum(1).view(latents.shape[:2])

    @torch.no_grad()
    def sample(
        self,
        count: int,
        length: int,
        *,
        condition: Condition | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """See `Model.sample`."""
        check_condition(condition, self.needs, count)
        weight = next(self.parameters())
        latents = weight.new_empty(count, self.latent_size).normal_(generator=generator)
        return draw(self.decode(latents), generator)

    def phases(self) -> Sequence[Phase]:
        """Raise the evidence lower bound."""
        return [Phase("elbo", list(self.parameters()), self.elbo_loss)]

    def elbo_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the two terms of the negative bound, each in nats a value."""
        x, condition = batch[self.example], batch.get("condition")
        posterior = self.posterior(x, condition)
        latents = posterior.rsample()[None]
        reconstruction = -self.likelihood(x, latents, condition).mean()
        divergence = divergences(posterior).mean(0).clamp_min(self.config.free_bits).sum()
        divergence = self.divergence_weight() * divergence
        if self.training:
            self.batches += 1
        return {"reconstruction": reconstruction / self.length, "kl": divergence / self.length}

    def divergence_weight(self) -> Tensor:
        """Return the weight that the divergence has in the next batch, a scalar."""
        # With no annealing the rise is over before the first batch.
        batches = self.batches + (self.config.annealing == 0)
        return self.config.beta * (batches / max(1, self.config.annealing)).clamp_max(1)

    @torch.no_grad()
    def active(self, x: Tensor, threshold: float = 0.01) -> Tensor:
        """Tell which latents depend on the images, bool (latent_size,).

        A latent is active if the mean of its posterior has a variance above `threshold` over
        images (batch, channels, height, width).

        Source: Burda et al., 2015, https://arxiv.org/abs/1509.00519, section 5.2.
        """
        return self.posterior(x).mean.var(0) > threshold


def divergences(posterior: Independent) -> Tensor:
    """Return the Kullback-Leibler divergence of each latent from N(0, 1), nats (batch, latents).

    Source: Kingma and Welling, 2013, appendix B.
    """
    mean, deviation = posterior.mean, posterior.stddev
    return 0.5 * (mean.square() + deviation.square() - 1) - deviation.log()


class Encoder(nn.Sequential):
    """From amplitudes (batch, channels, height, width) to (batch, 2 x latents)."""

    def __init__(self, config: VAEConfig) -> None:
        hidden = config.hidden
        layers: list[nn.Module] = [nn.Conv2d(config.channels, hidden, 3, padding=1), nn.ELU()]
        for _ in range(config.scales):
            layers += [nn.Conv2d(hidden, hidden, 4, stride=2, padding=1), nn.ELU()]
        last = nn.Linear(math.prod(config.narrowest), 2 * config.latents)
        super().__init__(*layers, nn.Flatten(), last)


class Decoder(nn.Sequential):
    """From latents (batch, latents) to (batch, channels x outputs, height, width)."""

    def __init__(self, config: VAEConfig) -> None:
        hidden = config.hidden
        layers: list[nn.Module] = [
            nn.Linear(config.latents, math.prod(config.narrowest)),
            nn.ELU(),
            nn.Unflatten(1, config.narrowest),
        ]
        for _ in range(config.scales):
            layers += [nn.ConvTranspose2d(hidden, hidden, 4, stride=2, padding=1), nn.ELU()]
        last = nn.Conv2d(hidden, config.channels * config.outputs, 3, padding=1)
        super().__init__(*layers, last)
