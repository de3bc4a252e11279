"""Glow: a flow of images, by couplings between channels that a 1x1 convolution mixes.

Source: Kingma and Dhariwal, 2018, https://arxiv.org/abs/1807.03039; the couplings and the scales
from Dinh et al., 2016, https://arxiv.org/abs/1605.08803.
Departs from them: the scale of a coupling is bounded on both sides, so that the map and its
inverse stay finite; the networks have no normalisation of their own; the prior of the last
scale is fixed, and those of the others belong to the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core.condition import Condition, check_condition
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.invertible import InvertibleModel
from typica.core.randomness import seeded
from typica.expressions import add_param, plu, ref
from typica.images.model import ImageConfig, ImageModel

BOUND = 3.0  # largest log-scale of one coupling, in either direction
CONSTANT = 1e-6  # a channel that deviates less is not scaled

Kind = Literal["affine", "additive"]


@dataclass(frozen=True)
class GlowConfig(ImageConfig):
    """Size of a Glow; the defaults are the paper's for CIFAR-10.

    Attributes:
        scales: Times that height and width are halved, which they must admit; each but the last
            lets half its channels go.
        steps: Normalisations, mixtures and couplings of a scale.
        hidden: Width of the networks in the couplings.
        coupling: "affine": one half of the channels scales and shifts the other; "additive":
            it shifts it.
        mixing: How the 1x1 convolution is learnt: as a product of triangles, or "plain".
    """

    scales: int = 3
    steps: int = 32
    hidden: int = 512
    coupling: Kind = "affine"
    mixing: Literal["plu", "plain"] = "plu"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_at_least(1, "scales", "steps", "hidden")
        self.check_halves(self.scales)


class Glow(ImageModel, InvertibleModel):
    """See the module's docstring."""

    config_type = GlowConfig
    density = "lower bound"
    config: GlowConfig

    def __init__(self, config: GlowConfig) -> None:
        super().__init__(config)
        shape, scales = config.shape, []
        for number in range(config.scales):
            scales.append(Scale(shape, config, is_last=number == config.scales - 1))
            shape = scales[-1].kept
        self.scales = nn.ModuleList(scales)
        self._sizes, self._nothing = [math.prod(scale.gone) for scale in scales], shape

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return (
            f"density of pixel values in steps of one of {self.config.levels} levels, dequantised"
        )

    def lift(self, x: Tensor) -> Tensor:
        """Spread levels over their bins by uniform noise; floating-point values stay.

        Raises:
            ShapeError: `x` is not (batch, channels, height, width).
            DataError: Its whole numbers are no levels.
        """
        dtype = next(self.parameters()).dtype
        self.check_shape(x)
        if x.is_floating_point():
            return x.to(dtype)
        if x.numel() and not 0 <= x.min() <= x.max() < self.config.levels:
            raise DataError(f"images must hold levels from 0 to {self.config.levels - 1}")
        if self.training:
            return x + torch.rand(x.shape, device=x.device, dtype=dtype)
        shape, generator = self.config.shape, seeded(0, x.device)
        return x + torch.rand(shape, generator=generator, device=x.device, dtype=dtype)

    def forward(self, x: Tensor, condition: Condition | None = None) -> tuple[Tensor, Tensor]:
        """See `InvertibleModel.forward`; `x` are values in steps of one level, as from `lift`."""
        check_condition(condition, self.needs, len(x))
        log_det = x.new_full((len(x),), -self.length * math.log(self.config.levels))
        x, latents = x / self.config.levels - 0.5, []
        for scale in self.scales:
            x, gone, change = scale(x)
            latents.append(gone.flatten(1))
            log_det = log_det + change
        return torch.cat(latents, 1), log_det

    def inverse(self, latents: Tensor, condition: Condition | None = None) -> Tensor:
        """See `InvertibleModel.inverse`; the values are in steps of one level.

        Raises:
            ShapeError: `latents` are not (batch, length).
        """
        if latents.ndim != 2 or latents.shape[1] != self.length:
            got = tuple(latents.shape)
            raise ShapeError(f"latents must have shape (batch, {self.length}), got {got}")
        check_condition(condition, self.needs, len(latents))
        parts = latents.split(self._sizes, 1)
        x = latents.new_empty(len(latents), *self._nothing)
        for scale, part in zip(reversed(self.scales), reversed(parts), strict=True):
            x = scale.inverse(x, part)  # type: ignore[operator]
        return (x + 0.5) * self.config.levels

    @torch.no_grad()
    def sample(
        self,
        count: int,
        length: int,
        *,
        condition: Condition | None = None,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """See `Model.sample`; the latents' standard deviation is `temperature`."""
        weight = next(self.parameters())
        latents = weight.new_empty(count, self.length).normal_(generator=generator)
        values = self.inverse(temperature * latents, condition)
        return values.floor().clamp(0, self.config.levels - 1).long()


class Scale(nn.Module):
    """Steps at one resolution, after which half of the channels go; of the last scale, all.

    Attributes:
        kept: Shape of what stays of an example: channels, height, width.
        gone: Shape of what goes.
    """

    def __init__(self, shape: tuple[int, int, int], config: GlowConfig, is_last: bool) -> None:
        super().__init__()
        channels, place = 4 * shape[0], (shape[1] // 2, shape[2] // 2)
        kept = 0 if is_last else channels // 2
        self.kept, self.gone = (kept, *place), (channels - kept, *place)
        self.layers = nn.ModuleList()
        for _ in range(config.steps):
            network = Network(channels // 2, config.hidden, outputs(config.coupling, channels // 2))
            self.layers.append(ActNorm(channels))
            self.layers.append(Mixing(channels, config.mixing))
            self.layers.append(Coupling(network, config.coupling))
        if not is_last:
            # The prior of what goes, given what stays; at first it is standard normal.
            self.layers.append(Coupling(LastLayer(kept, channels), "affine"))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what stays, what goes, and the log-determinant, (batch,)."""
        x = F.pixel_unshuffle(x, 2)
        log_det = x.new_zeros(len(x))
        for layer in self.layers:
            x, change = layer(x)
            log_det = log_det + change
        stays, goes = x.split([self.kept[0], self.gone[0]], 1)
        return stays, goes, log_det

    def inverse(self, stays: Tensor, goes: Tensor) -> Tensor:
        """Return what the scale was given; `goes` may be flat."""
        x = torch.cat([stays, goes.reshape(-1, *self.gone)], 1)
        for layer in reversed(self.layers):
            x = layer.inverse(x)  # type: ignore[operator]
        return F.pixel_shuffle(x, 2)


class ActNorm(nn.Module):
    """A shift and a scale of each channel, learnt on top of the first training batch's.

    After that batch channels have mean 0 and standard deviation 1. Its statistics are buffers:
    several processes come to share them, and optimisers begin at zero.
    """

    mean: Tensor
    deviation: Tensor
    is_initialised: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("deviation", torch.ones(channels, 1, 1))
        self.register_buffer("is_initialised", torch.tensor(False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the normalised channels and the log-determinant, (batch,)."""
        if self.training and not self.is_initialised:
            self._initialise(x)
        self._check()
        scale, offset = self._affine()
        log_det = (self.log_scale - self.deviation.log()).sum() * x[0, 0].numel()
        return torch.addcmul(offset, scale, x), log_det.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Undo `forward`."""
        self._check()
        scale, offset = self._affine()
        return (y - offset) / scale

    def _affine(self) -> tuple[Tensor, Tensor]:
        scale = self.log_scale.exp() / self.deviation
        return scale, self.shift - self.mean * scale

    @torch.no_grad()
    def _initialise(self, x: Tensor) -> None:
        deviation, mean = torch.std_mean(x, (0, 2, 3), correction=0, keepdim=True)
        self.mean.copy_(mean[0])
        self.deviation.copy_(deviation[0].masked_fill(deviation[0] < CONSTANT, 1))
        self.is_initialised.fill_(True)

    def _check(self) -> None:
        """Refuse a layer as it was built; one that has been told its values otherwise may serve.

        Raises:
            ConfigError: It has seen no training batch.
        """
        if not (self.is_initialised or self.log_scale.any() or self.shift.any()):
            raise ConfigError(
                "this flow has seen no data to take its scales from: train it, or show it one"
                " batch in training mode"
            )


class Mixing(nn.Module):
    """An invertible 1x1 convolution; it begins as a rotation."""

    weight: Tensor
    log_abs_det: Tensor

    def __init__(self, channels: int, kind: Literal["plu", "plain"]) -> None:
        super().__init__()
        start = nn.init.orthogonal_(torch.empty(channels, channels))
        if kind == "plu":
            weight, log_abs_det = plu(start)
            add_param(self, "weight", weight)
            add_param(self, "log_abs_det", log_abs_det)
            return
        self.weight = nn.Parameter(start)
        add_param(self, "log_abs_det", torch.linalg.slogdet(ref(self, "weight"))[1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed channels and the log-determinant, (batch,)."""
        log_det = self.log_abs_det * x[0, 0].numel()
        return F.conv2d(x, self.weight[:, :, None, None]), log_det.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Undo `forward`, by elimination: an inverse matrix would lose digits."""
        channels = y.transpose(0, 1)
        mixed = torch.linalg.solve(self.weight, channels.flatten(1))
        return mixed.view_as(channels).transpose(0, 1)


class Coupling(nn.Module):
    """Shifts the second half of the channels by what the first half says; scales it, if affine."""

    def __init__(self, network: nn.Module, kind: Kind) -> None:
        super().__init__()
        self.network, self.kind = network, kind

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the channels and the log-determinant, (batch,)."""
        one, other = x.chunk(2, 1)
        shift, log_scale = self._say(one)
        y = torch.cat([one, other * log_scale.exp() + shift], 1)
        return y, log_scale.expand_as(other).flatten(1).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        """Undo `forward`."""
        one, other = y.chunk(2, 1)
        shift, log_scale = self._say(one)
        return torch.cat([one, (other - shift) * (-log_scale).exp()], 1)

    def _say(self, one: Tensor) -> tuple[Tensor, Tensor]:
        said = self.network(one)
        if self.kind == "additive":
            return said, torch.zeros_like(said)
        shift, log_scale = said.chunk(2, 1)
        return shift, BOUND * torch.tanh(log_scale / BOUND)


def outputs(kind: Kind, channels: int) -> int:
    """Return how many numbers a coupling needs for so many channels."""
    return channels if kind == "additive" else 2 * channels


class Network(nn.Sequential):
    """What a coupling asks: three convolutions, the last of which says nothing at first."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            LastLayer(hidden, outputs),
        )


class LastLayer(nn.Conv2d):
    """A convolution that begins at zero, times a gain of each channel that learns fast.

    Source: the paper's code, https://github.com/openai/glow, whose gains are exp(3 g).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        self.log_gain = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, (batch, outputs, height, width)."""
        return super().forward(x) * (3 * self.log_gain).exp()
