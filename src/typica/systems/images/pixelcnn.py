"""PixelCNN: an autoregressive model of images, pixel after pixel, by causal convolutions.

Source: "plain" stacks from van den Oord et al., 2016, https://arxiv.org/abs/1601.06759; the two
"gated" stacks without a blind spot, and classes, from van den Oord et al., 2016,
https://arxiv.org/abs/1606.05328; the mixture of logistics coupled over channels from Salimans et
al., 2017, https://arxiv.org/abs/1701.05517.
Departs from them: no Row LSTM and no Diagonal BiLSTM; PixelCNN++'s output without its network
that shrinks and grows; draws are levels, where PixelCNN++ feeds back what it has not rounded; a
plane of ones beside each channel tells the image from its border; taps on what comes later do not
exist where whole rows or columns of them would be masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core.condition import Condition, Need, check_condition
from typica.core.errors import ConfigError, ShapeError
from typica.core.model import AutoregressiveModel
from typica.images.model import ImageConfig, ImageModel
from typica.layers.distributions import DiscretisedLogisticMixture, Levels
from typica.layers.masked_convolution import causal
from typica.layers.pixel_stacks import LevelHead, PixelStacks, StacksMemory, StacksSize
from typica.layers.raster import Outputs, Piece, Raster, RasterNetwork, RasterState

MOST_LEVELS = 1 << 16


@dataclass(frozen=True)
class PixelCNNConfig(ImageConfig):
    """Size of a PixelCNN; the defaults are near those of the first paper for CIFAR-10.

    Attributes:
        channels: 1 for grey, 3 for red, green and blue.
        variant: "gated": a vertical and a horizontal stack; "plain": one stack of masked
            convolutions, which never sees part of what is above on the right.
        layers: Gated layers, or residual blocks of the plain stack.
        features: Width of a stack; plain blocks carry twice as many between them.
        kernel: Rows and columns of the convolutions, counted as if they were not masked.
        first_kernel: The same, of the first one, which sees the image.
        dropout: Share of each layer's features that training leaves out.
        labels: Classes of the condition "label"; 0 for none.
        output: "categorical": each channel on its own, R before G before B; "logistics": a
            mixture for all channels of a pixel, in one pass.
        components: Logistics in the mixture.
        log_scale_floor: Smallest log-scale of them.
    """

    channels: Literal[1, 3] = 3
    variant: Literal["gated", "plain"] = "gated"
    layers: int = 15
    features: int = 126
    kernel: int = 3
    first_kernel: int = 7
    dropout: float = 0.0
    labels: int = 0
    output: Literal["categorical", "logistics"] = "categorical"
    components: int = 10
    log_scale_floor: float = -7.0

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= MOST_LEVELS:
            raise ConfigError(f"model.levels must be from 2 to {MOST_LEVELS}, got {self.levels}")
        super().__post_init__()
        self.check_at_least(1, "layers", "features", "components")
        self.check_at_least(0, "labels")
        self.check_kernels("kernel", "first_kernel")
        self.check_features(self.groups)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout must be from 0 to below 1, got {self.dropout}")

    @property
    def groups(self) -> int:
        """Shares of the features, one a channel, of which each sees those before it."""
        return self.channels if self.output == "categorical" else 1

    @property
    def raster(self) -> Raster:
        """What the network reads."""
        return Raster(self.shape, self.levels, self.first_kernel, self.groups)

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for a pixel."""
        if self.output == "categorical":
            return self.channels * self.levels
        pairs = self.channels * (self.channels - 1) // 2
        return self.components * (1 + 2 * self.channels + pairs)


class PixelCNN(ImageModel, AutoregressiveModel):
    """See the module's docstring.

    Symbols are levels in raster order, the channels of a pixel one after the other.
    """

    config_type = PixelCNNConfig
    conditioning = ("sparse",)
    config: PixelCNNConfig

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__(config)
        is_gated = config.variant == "gated"
        self.network = gated(config) if is_gated else PlainNetwork(config)
        features = config.features if is_gated else 2 * config.features
        self.head = LevelHead(features, config.outputs, config.groups)
        if config.output == "logistics":
            begin_mixture(self.head, config)

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`."""
        return {"label": Need(self.config.labels)} if self.config.labels else {}

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return f"{self.config.levels}-level pixels"

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `AutoregressiveModel.state_types`."""
        return RasterState, StacksMemory, PlainMemory

    @property
    def initial(self) -> int:
        """See `AutoregressiveModel.initial`: nothing is read from it."""
        return 0

    def symbols(self, x: Tensor) -> Tensor:
        """Return levels (int64), shape (batch, length), of images.

        Raises:
            ShapeError: `x` is not (batch, channels, height, width).
            DataError: It holds other numbers than levels.
        """
        self.check_shape(x)
        self.check_levels(x)
        return x.long().permute(0, 2, 3, 1).flatten(1)

    def render(self, symbols: Tensor) -> Tensor:
        """See `AutoregressiveModel.render`.

        Raises:
            ShapeError: The symbols are not those of whole images.
        """
        config = self.config
        if symbols.shape[1] != self.length:
            raise ShapeError(f"an image has {self.length} symbols, got {symbols.shape[1]}")
        images = symbols.unflatten(1, (config.height, config.width, config.channels))
        return images.permute(0, 3, 1, 2).contiguous()

    def start(self, count: int, condition: Condition | None = None) -> RasterState:
        """See `AutoregressiveModel.start`."""
        check_condition(condition, self.needs, count)
        label = condition["label"].values if condition else None
        return self.network.open(count, self.network.start(count, label))

    def advance(self, previous: Tensor, state: RasterState) -> tuple[Distribution, RasterState]:
        """See `AutoregressiveModel.advance`.

        Raises:
            ShapeError: There are more symbols than an image has.
        """
        outputs, state = self.network.follow(self.head, previous, state)
        return self._distribution(outputs), state

    def _distribution(self, outputs: Outputs) -> Distribution:
        channels = self.config.channels
        if self.config.output == "categorical":
            return Levels(outputs.of_levels(channels).log_softmax(-1))
        pixels = outputs.values.shape[1]
        read = F.pad(outputs.read, (0, pixels * channels - outputs.read.shape[1]))
        parts = coupled(outputs.values, read.unflatten(1, (pixels, channels)), self.config)
        logits, mean, log_scale = (part.flatten(1, 2)[:, outputs.wanted] for part in parts)
        return DiscretisedLogisticMixture(logits, mean, log_scale, self.config.levels)


def gated(config: PixelCNNConfig) -> PixelStacks:
    """Return the two stacks of a model."""
    size = StacksSize(
        config.layers, config.features, config.kernel, config.dropout, labels=config.labels
    )
    return PixelStacks(config.raster, size)


@torch.no_grad()
def begin_mixture(head: LevelHead, config: PixelCNNConfig) -> None:
    """Set the biases of an untrained network's mixture."""
    assert head.last.bias is not None
    _, means, log_scales, _ = split(head.last.bias, config)
    # Components that begin alike would stay alike.
    means.copy_(torch.linspace(-0.5, 0.5, config.components).expand_as(means))
    log_scales.fill_(-2)


def split(outputs: Tensor, config: PixelCNNConfig) -> tuple[Tensor, ...]:
    """Name the outputs of a mixture, the last axis of a tensor.

    Returns:
        Logits of the components, (..., 1, components); means and log-scales of each channel,
        (..., channels, components); what the mean of a channel takes from those before it,
        (..., pairs, components), in the order G from R, B from R, B from G.
    """
    channels = config.channels
    parts = outputs.unflatten(-1, (-1, config.components))
    sizes = [1, channels, channels, parts.shape[-2] - 1 - 2 * channels]
    return parts.split(sizes, -2)


def coupled(outputs: Tensor, levels: Tensor, config: PixelCNNConfig) -> tuple[Tensor, ...]:
    """Return the mixture of each channel of pixels, given the channels before it.

    A component is drawn for the whole pixel: what the first channels are tells which it may be.

    Source: Salimans et al., 2017, https://arxiv.org/abs/1701.05517, equation 3.

    Args:
        outputs: Of the network, (batch, pixels, outputs).
        levels: Of the pixels, (batch, pixels, channels); the last is not looked at.
        config: Of the model.

    Returns:
        Logits, means and log-scales, each (batch, pixels, channels, components).
    """
    logits, means, log_scales, factors = split(outputs, config)
    log_scales = log_scales.clamp_min(config.log_scale_floor)
    values = 2 * levels.to(outputs.dtype) / (config.levels - 1) - 1
    taken = iter(factors.tanh().unbind(-2))
    weights, centres = [logits[..., 0, :].log_softmax(-1)], []
    for channel in range(config.channels):
        centre = means[..., channel, :]
        for before in range(channel):
            centre = centre + next(taken) * values[..., before, None]
        centres.append(centre)
        if channel + 1 < config.channels:
            level, log_scale = levels[..., channel, None], log_scales[..., channel, :]
            weights.append(weights[-1] + _masses(centre, log_scale, level, config.levels))
    return torch.stack(weights, -2), torch.stack(centres, -2), log_scales


def _masses(mean: Tensor, log_scale: Tensor, level: Tensor, levels: int) -> Tensor:
    """Return the log-mass that each component gives to a level, (..., components)."""
    mean, log_scale = mean[..., None], log_scale[..., None]
    alone = DiscretisedLogisticMixture(torch.zeros_like(mean), mean, log_scale, levels)
    return alone.log_prob(level.expand(mean.shape[:-1]))


class PlainMemory(NamedTuple):
    """What the plain stack remembers; tuples hold one tensor a block.

    Attributes:
        above: Last rows that are complete, (batch, features, rows, width).
        row: The row under way, (batch, features, 1, columns).
        told: What the class adds to each convolution, (batch, features, 1, 1); None without.
    """

    above: tuple[Tensor, ...]
    row: tuple[Tensor, ...]
    told: tuple[Tensor, ...] | None


class PlainNetwork(RasterNetwork):
    """Residual blocks of masked convolutions."""

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__(config.raster)
        first, features, self.config = config.first_kernel, config.features, config
        self.first = causal(
            *(self.raster.planes, 2 * features, first, first), groups=config.groups, kind="A"
        )
        self.blocks = nn.ModuleList(PlainBlock(config) for _ in range(config.layers))
        biases = config.layers * features
        self.told = nn.Embedding(config.labels, biases) if config.labels else None

    def start(self, count: int, label: Tensor | None) -> PlainMemory:
        """Return the memory before the first row."""
        config = self.config
        shape = (count, config.features, config.kernel // 2, config.width)
        above = tuple(self.first.weight.new_zeros(shape) for _ in self.blocks)
        if self.told is None:
            return PlainMemory(above, (), None)
        return PlainMemory(above, (), self.told(label)[..., None, None].chunk(config.layers, 1))

    def enter(self, planes: Tensor, piece: Piece, memory: PlainMemory) -> PlainMemory:
        """Do nothing: there is no stack that goes ahead."""
        return memory

    def read(self, planes: Tensor, piece: Piece, memory: PlainMemory) -> tuple[Tensor, PlainMemory]:
        """Read a piece: its features (batch, 2 features, rows, columns)."""
        x = self.first(planes[..., piece.left : piece.right + 2 * self.raster.reach])
        above, rows = [], []
        for index, block in enumerate(self.blocks):
            row = memory.row[index] if piece.left else None
            told = memory.told[index] if memory.told else None
            x, before, row = block(x, memory.above[index], row, told)
            above.append(before)
            rows.append(row)
        return x, memory._replace(above=tuple(above), row=tuple(rows))


class PlainBlock(nn.Module):
    """A residual block: 2h features become h, which a masked convolution filters, and 2h again.

    Source: van den Oord et al., 2016, https://arxiv.org/abs/1601.06759, figure 5.
    """

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__()
        features, kernel, groups = config.features, config.kernel, config.groups
        self.reach = kernel // 2
        self.shrink = causal(2 * features, features, 1, 1, groups=groups)
        self.filter = causal(features, features, kernel, kernel, groups=groups)
        self.grow = causal(features, 2 * features, 1, 1, groups=groups)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, above: Tensor, row: Tensor | None, told: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Filter a piece.

        Args:
            x: Its features, (batch, 2 features, rows, columns).
            above: The rows before it, (batch, features, rows, width).
            row: What is on its left, (batch, features, 1, columns); None if it begins a row.
            told: What the class adds, if anything.

        Returns:
            The features, and the next `above` and `row`.
        """
        now = F.relu(self.shrink(F.relu(x)))
        left = 0 if row is None else row.shape[3]
        now = now if row is None else torch.cat([row, now], 3)
        right, sides = now.shape[3], (self.reach, self.reach)
        # What is masked on the right of the row may as well be zero.
        seen = F.pad(above, sides)[..., : right + 2 * self.reach]
        y = self.filter(torch.cat([seen, F.pad(now, sides)], 2)[..., left:])
        y = self.dropout(F.relu(y if told is None else y + told))
        if right == above.shape[3]:
            above = torch.cat([above, now], 2)[:, :, now.shape[2] :]
        return x + self.grow(y), above, now
