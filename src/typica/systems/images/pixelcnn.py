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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core.condition import Condition, Need, check_condition
from typica.core.errors import ConfigError, ShapeError
from typica.core.model import AutoregressiveModel
from typica.expressions import causal_mask, masked, set_param
from typica.images.model import ImageConfig, ImageModel
from typica.layers.distributions import DiscretisedLogisticMixture, Levels

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
        for name in ("kernel", "first_kernel"):
            if getattr(self, name) < 3 or getattr(self, name) % 2 == 0:
                raise ConfigError(f"model.{name} must be 3, 5, 7, ..., got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout must be from 0 to below 1, got {self.dropout}")
        if self.features % self.groups:
            raise ConfigError(
                f"model.features must be a multiple of {self.groups}, a share for each channel,"
                f" got {self.features}"
            )

    @property
    def groups(self) -> int:
        """Shares of the features, one a channel, of which each sees those before it."""
        return self.channels if self.output == "categorical" else 1

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for a pixel."""
        if self.output == "categorical":
            return self.channels * self.levels
        pairs = self.channels * (self.channels - 1) // 2
        return self.components * (1 + 2 * self.channels + pairs)


class PixelCNNState(NamedTuple):
    """What a PixelCNN remembers of what it has read.

    Attributes:
        symbols: All symbols read, the one before the first included, (batch, read).
        pixels: Pixels that `memory` holds.
        memory: Features that later pixels need, as a `GatedMemory` or a `PlainMemory`.
        waiting: Outputs for the pixel of which some channels are still to come, (batch, 1,
            outputs); None where the next symbol begins a pixel, or is computed anew.
    """

    symbols: Tensor
    pixels: int
    memory: Any
    waiting: Tensor | None = None


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
        self.network: Any = GatedNetwork(config) if is_gated else PlainNetwork(config)
        self.head = Head(config, config.features if is_gated else 2 * config.features)

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
        return PixelCNNState, GatedMemory, PlainMemory

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
        if x.shape[1:] != self.config.shape:
            wanted = ", ".join(map(str, self.config.shape))
            raise ShapeError(f"images must have shape (batch, {wanted}), got {tuple(x.shape)}")
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

    def start(self, count: int, condition: Condition | None = None) -> PixelCNNState:
        """See `AutoregressiveModel.start`."""
        check_condition(condition, self.needs, count)
        label = condition["label"].values if condition else None
        nothing = torch.empty(count, 0, dtype=torch.long, device=next(self.parameters()).device)
        return PixelCNNState(nothing, 0, self.network.start(count, label))

    def advance(self, previous: Tensor, state: PixelCNNState) -> tuple[Distribution, PixelCNNState]:
        """See `AutoregressiveModel.advance`.

        Raises:
            ShapeError: There are more symbols than an image has.
        """
        channels = self.config.channels
        symbols = torch.cat([state.symbols, previous], 1)
        begin, end = state.symbols.shape[1], symbols.shape[1]
        if end > self.length:
            raise ShapeError(f"an image has {self.length} symbols; the next would be {end}")
        first, last = begin // channels, -(-end // channels)
        # With groups, features of a pixel are final when all its channels but the last are read.
        final = last if self.config.groups == 1 else end // channels
        memory = state.memory
        outputs = [] if state.waiting is None else [state.waiting]
        for piece in pieces(state.pixels, final, last, self.config.width):
            planes = self._planes(symbols[:, 1:], piece)
            memory = self.network.enter(planes, piece, memory)
            features, after = self.network.read(planes, piece, memory)
            outputs.append(self.head(features))
            memory = after if piece.is_final else memory
        found = torch.cat(outputs, 1)
        waiting = found[:, -1:] if last * channels > end and final == last else None
        read = symbols[:, 1 + first * channels :]
        distribution = self._distribution(found, read, begin - first * channels, end - begin)
        return distribution, PixelCNNState(symbols, final, memory, waiting)

    def _planes(self, symbols: Tensor, piece: Piece) -> Tensor:
        """Draw what the first convolutions see: the rows of a piece and those above.

        Returns:
            Values in [-1, 1] and ones, by channel, (batch, 2 channels, rows, columns), with zeros
            where the image ends. What is not read yet is of level 0.
        """
        config, reach = self.config, self.config.first_kernel // 2
        row = config.width * config.channels
        top = max(piece.top - reach, 0)
        size = (piece.bottom - top) * row
        block = symbols[:, top * row : piece.bottom * row]
        block = F.pad(block, (0, size - block.shape[1]))
        block = block.unflatten(1, (-1, config.width, config.channels)).permute(0, 3, 1, 2)
        values = 2 * block.to(next(self.parameters()).dtype) / (config.levels - 1) - 1
        planes = torch.stack([values, torch.ones_like(values)], 2).flatten(1, 2)
        return F.pad(planes, (reach, reach, top - piece.top + reach, 0))

    def _distribution(
        self, outputs: Tensor, symbols: Tensor, skipped: int, count: int
    ) -> Distribution:
        """Turn outputs (batch, pixels, outputs) into distributions of `count` symbols."""
        wanted = slice(skipped, skipped + count)
        if self.config.output == "categorical":
            logits = outputs.unflatten(2, (self.config.channels, -1)).flatten(1, 2)
            return Levels(logits[:, wanted].log_softmax(-1))
        pixels, channels = outputs.shape[1], self.config.channels
        read = F.pad(symbols, (0, pixels * channels - symbols.shape[1]))
        parts = coupled(outputs, read.unflatten(1, (pixels, channels)), self.config)
        logits, mean, log_scale = (part.flatten(1, 2)[:, wanted] for part in parts)
        return DiscretisedLogisticMixture(logits, mean, log_scale, self.config.levels)


class Piece(NamedTuple):
    """A rectangle of pixels: whole rows, or a part of one.

    Attributes:
        top: First row.
        bottom: Row after the last.
        left: First column.
        right: Column after the last.
        is_final: Whether its features will not change any more.
    """

    top: int
    bottom: int
    left: int
    right: int
    is_final: bool


def pieces(begin: int, final: int, end: int, width: int) -> Iterator[Piece]:
    """Cut pixels in raster order into pieces: the rest of a row, whole rows, a row's beginning.

    Those from `final` to `end` make pieces of their own.
    """
    while begin < end:
        stop = final if begin < final else end
        row, column = divmod(begin, width)
        rows = max(1, (stop - begin) // width) if column == 0 else 1
        right = min(width, column + stop - begin)
        yield Piece(row, row + rows, column, right, begin < final)
        begin = (row + rows - 1) * width + right


class Head(nn.Module):
    """From features to the outputs for each pixel."""

    def __init__(self, config: PixelCNNConfig, features: int) -> None:
        super().__init__()
        self.hidden = causal(features, features, 1, 1, groups=config.groups)
        self.last = causal(features, config.outputs, 1, 1, groups=config.groups)
        self._begin(config)

    @torch.no_grad()
    def _begin(self, config: PixelCNNConfig) -> None:
        """Let an untrained network know nothing: all levels are equally likely."""
        for leaf in self.last.parameters():
            leaf.zero_()
        if config.output == "categorical":
            return
        assert self.last.bias is not None
        _, means, log_scales, _ = split(self.last.bias, config)
        # Components that begin alike would stay alike.
        means.copy_(torch.linspace(-0.5, 0.5, config.components).expand_as(means))
        log_scales.fill_(-2)

    def forward(self, features: Tensor) -> Tensor:
        """From features (batch, features, rows, columns) to (batch, pixels, outputs)."""
        outputs = self.last(F.relu(self.hidden(F.relu(features))))
        return outputs.flatten(2).transpose(1, 2)


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


class GatedMemory(NamedTuple):
    """What the two stacks remember; tuples hold one tensor a layer.

    Attributes:
        rows: Rows that the vertical stack has come down.
        above: Last inputs of its convolutions, (batch, features, rows, width).
        links: What it says of the rows it has just entered, (batch, 2 features, rows, width).
        left: Last inputs of the horizontal convolutions, (batch, features, rows, columns).
        told: What the class adds before each gate, (batch, 2 features, 1, 1), first the vertical
            ones; None without classes.
    """

    rows: int
    above: tuple[Tensor, ...]
    links: tuple[Tensor, ...]
    left: tuple[Tensor, ...]
    told: tuple[Tensor, ...] | None


class GatedNetwork(nn.Module):
    """A vertical stack, which sees the rows above, and a horizontal one, which sees the row.

    Source: van den Oord et al., 2016, https://arxiv.org/abs/1606.05328, figure 2 and equation 4.
    The vertical features reach the horizontal stack before their gate; nothing goes back.
    """

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__()
        inputs, first, features = 2 * config.channels, config.first_kernel, config.features
        self.config, self.reach, self.layers = config, first // 2, range(config.layers)
        self.above = nn.Conv2d(inputs, features, (self.reach, first))
        self.row = causal(inputs, features, 1, first, groups=config.groups, kind="A")
        self.vertical = nn.ModuleList(VerticalLayer(config) for _ in self.layers)
        self.horizontal = nn.ModuleList(HorizontalLayer(config) for _ in self.layers)
        biases = 2 * config.layers * 2 * features
        self.told = nn.Embedding(config.labels, biases) if config.labels else None

    def start(self, count: int, label: Tensor | None) -> GatedMemory:
        """Return the memory before the first row."""
        config = self.config
        shape = (count, config.features, config.kernel // 2, config.width)
        above = tuple(self.above.weight.new_zeros(shape) for _ in self.layers)
        if self.told is None:
            return GatedMemory(0, above, (), (), None)
        told = self.told(label)[..., None, None].chunk(2 * config.layers, 1)
        return GatedMemory(0, above, (), (), told)

    def enter(self, planes: Tensor, piece: Piece, memory: GatedMemory) -> GatedMemory:
        """Come down to the rows of a piece, where the vertical stack has not done so yet."""
        if memory.rows == piece.bottom:
            return memory
        x, links, above = self.above(planes[:, :, :-1]), [], []
        for index, layer in enumerate(self.vertical):
            told = memory.told[index] if memory.told else None
            x, link, history = layer(x, memory.above[index], told)
            links.append(link)
            above.append(history)
        return memory._replace(rows=piece.bottom, above=tuple(above), links=tuple(links))

    def read(self, planes: Tensor, piece: Piece, memory: GatedMemory) -> tuple[Tensor, GatedMemory]:
        """Go along the rows of a piece: its features (batch, features, rows, columns)."""
        x = self.row(planes[:, :, self.reach :, piece.left : piece.right + self.reach])
        border = x.new_zeros(*x.shape[:3], self.config.kernel // 2)
        left = []
        for index, layer in enumerate(self.horizontal):
            history = memory.left[index] if piece.left else border
            drive = memory.links[index][..., piece.left : piece.right]
            if memory.told:
                drive = drive + memory.told[len(self.layers) + index]
            x, history = layer(x, history, drive)
            left.append(history)
        return x, memory._replace(left=tuple(left))


class VerticalLayer(nn.Module):
    """A gated convolution over rows above and, of features that know no more, the row itself."""

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__()
        features, kernel = config.features, config.kernel
        self.filter = nn.Conv2d(
            *(features, 2 * features, (kernel // 2 + 1, kernel)), padding=(0, kernel // 2)
        )
        self.link = nn.Conv2d(2 * features, 2 * features, 1)

    def forward(
        self, x: Tensor, history: Tensor, told: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Filter rows: the features, what the horizontal stack hears of them, the history."""
        window = torch.cat([history, x], 2)
        gates = self.filter(window)
        gates = gates if told is None else gates + told
        return gate(gates), self.link(gates), window[:, :, x.shape[2] :]


class HorizontalLayer(nn.Module):
    """A gated convolution along a row, with a residual."""

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__()
        features, groups = config.features, config.groups
        self.filter = causal(features, 2 * features, 1, config.kernel, groups=groups, halves=2)
        self.residual = causal(features, features, 1, 1, groups=groups)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, history: Tensor, drive: Tensor) -> tuple[Tensor, Tensor]:
        """Filter rows or parts of one, with `drive` added before the gate; and the history."""
        window = torch.cat([history, x], 3)
        gates = self.filter(window) + drive
        return x + self.residual(self.dropout(gate(gates))), window[..., x.shape[3] :]


def gate(x: Tensor) -> Tensor:
    """Return the tanh of one half of the features times the sigmoid of the other."""
    signal, gates = x.chunk(2, 1)
    return signal.tanh() * gates.sigmoid()


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


class PlainNetwork(nn.Module):
    """Residual blocks of masked convolutions."""

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__()
        inputs, first, features = 2 * config.channels, config.first_kernel, config.features
        self.config, self.reach = config, first // 2
        self.first = causal(inputs, 2 * features, first, first, groups=config.groups, kind="A")
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
        x = self.first(planes[..., piece.left : piece.right + 2 * self.reach])
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


class Convolution(nn.Conv2d):
    """A convolution that is quick for a single place, too."""

    def forward(self, input: Tensor) -> Tensor:
        """Filter (batch, features, rows, columns), without borders."""
        if input.shape[2:] != self.kernel_size:
            return super().forward(input)
        # As a product of matrices it takes a tenth of the time.
        return F.linear(input.flatten(1), self.weight.flatten(1), self.bias)[..., None, None]


def causal(
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    *,
    groups: int,
    kind: Literal["A", "B"] = "B",
    halves: int = 1,
) -> nn.Conv2d:
    """Return a convolution that sees no pixel, and no channel of its own pixel, that comes later.

    Args:
        inputs: Features that it reads.
        outputs: Features that it gives.
        height: Odd, as it would be without a mask: the lower rows do not exist. One of a single
            row has no columns on the right either.
        width: Odd likewise.
        groups: Shares of the features, one a channel.
        kind: "A" does not see the channel of its own pixel that is predicted, "B" does.
        halves: Parts of the outputs that are grouped each, as for a gate.
    """
    columns = width if height > 1 else width // 2 + 1
    layer = Convolution(inputs, outputs, (height // 2 + 1, columns))
    # Kind "B" without groups hides columns on the right alone, and a single row has none.
    if kind == "A" or groups > 1 or (height > 1 and width > 1):
        mask = causal_mask((outputs // halves, inputs, height, width), kind, channel_groups=groups)
        mask = torch.cat([mask] * halves)[:, :, : height // 2 + 1, :columns]
        set_param(layer, "weight", masked(layer.weight, mask))
    return layer
