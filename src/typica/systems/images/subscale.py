"""Subscale pixel network: images in interleaved slices, and their bits in two parts.

Source: Menick and Kalchbrenner, 2018, https://arxiv.org/abs/1812.01608. A network that sees all of
the earlier slices, those right of and below a pixel among them, tells a decoder what it needs to
draw the next slice; the decoder reads that slice alone, by attention over its pixels and then by a
gated PixelCNN. With `apart` the first slice, a small image, has networks of its own (size
upscaling); with `first_bits` the other bits of all pixels come last and have their own (depth
upscaling). Nothing is left out of the sum, so the likelihood is exact.
Departs from it: slices are placed by what pixels they hold relative to the one that is drawn, so
that places in the network's input are pixels at fixed distances; attention is over pixels, whose
channels follow one another within the PixelCNN; what is known of other slices is told to both,
normalised over the slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core.condition import Condition, Need, check_condition
from typica.core.errors import ConfigError, ShapeError
from typica.core.model import AutoregressiveModel
from typica.core.phase import Batch, Phase
from typica.images.model import ImageConfig, ImageModel
from typica.images.ordering import Ordering, join_bits, split_bits
from typica.layers.distributions import Levels
from typica.layers.pixel_stacks import LevelHead, PixelStacks, StacksMemory, StacksSize
from typica.layers.raster import Piece, Raster, RasterNetwork, RasterState
from typica.layers.sparse_attention import AttentionBlock, Cache

MOST_LEVELS = 1 << 16
HIDDEN = 4  # channels between the products of a layer of attention, in widths


@dataclass(frozen=True)
class SubscaleConfig(ImageConfig):
    """The order of an image's values, and the networks that draw them.

    Attributes:
        factor: Slices on a side: 2 for four of them; 1 for raster order.
        apart: Whether the first slice has networks of its own.
        first_bits: The most significant bits of a value, which come first; 0, or all that there
            are, for values as they are.
        told_channels: Width of what a decoder is told of earlier slices.
        blocks: Residual blocks of the network that tells it.
        attention: Layers of attention of a decoder; 0 for none.
        attention_width: Channels of them.
        heads: Heads of each.
        layers: Gated layers that follow.
        features: Width of a stack of them, a multiple of `channels`.
        kernel: Rows and columns of their convolutions, counted as if they were not masked.
        first_kernel: The same, of the first ones, which see the slice.
        dropout: Share of each layer's features that training leaves out.
        labels: Classes of the condition "label", of which decoders are told; 0 for none.
    """

    factor: int = 4
    apart: bool = False
    first_bits: int = 0
    told_channels: int = 128
    blocks: int = 5
    attention: int = 4
    attention_width: int = 128
    heads: int = 4
    layers: int = 5
    features: int = 126
    kernel: int = 3
    first_kernel: int = 5
    dropout: float = 0.0
    labels: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_at_least(1, "factor", "told_channels", "attention_width", "heads")
        self.check_at_least(1, "layers", "features")
        self.check_at_least(0, "blocks", "attention", "first_bits", "labels")
        self._check_decoder()
        if self.levels > MOST_LEVELS:
            raise ConfigError(f"model.levels must be at most {MOST_LEVELS}, got {self.levels}")
        if self.first_bits > self.bits:
            raise ConfigError(
                f"model.first_bits must be at most {self.bits} for {self.levels} levels, "
                f"got {self.first_bits}"
            )
        if self.apart and self.factor == 1:
            raise ConfigError("model.apart needs model.factor of at least 2: there is one slice")
        Ordering(self.shape, self.factor)

    def _check_decoder(self) -> None:
        self.check_kernels("kernel", "first_kernel")
        self.check_features(self.channels)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout must be from 0 to below 1, got {self.dropout}")
        if self.attention_width % self.heads:
            raise ConfigError(
                f"model.attention_width must be a multiple of model.heads={self.heads}, "
                f"got {self.attention_width}"
            )

    @property
    def bits(self) -> int:
        """Bits of a level."""
        return (self.levels - 1).bit_length()

    @property
    def last_bits(self) -> int:
        """Bits that come last; 0 where values are drawn as they are."""
        return self.bits - self.first_bits if self.first_bits else 0

    def most(self, part: int) -> int:
        """Return the largest number that a part of a level can be: its first bits, or others."""
        return (1 << self.last_bits) - 1 if part else (self.levels - 1) >> self.last_bits

    @property
    def ordering(self) -> Ordering:
        """The order of an image's symbols."""
        return Ordering(self.shape, self.factor, parts=2 if self.last_bits else 1)


class SubscaleState(NamedTuple):
    """What the model remembers.

    Attributes:
        symbols: All symbols read, the one before the first included, (batch, read).
        label: Classes, (batch,), or None.
        inner: Of the decoder in the slice under way; None before the first.
    """

    symbols: Tensor
    label: Tensor | None = None
    inner: RasterState | None = None


class Subscale(ImageModel, AutoregressiveModel):
    """See the module's docstring.

    Symbols are levels, or parts of them, in the order of `typica.images.ordering.Ordering`.
    """

    config_type = SubscaleConfig
    conditioning = ("sparse",)
    config: SubscaleConfig

    def __init__(self, config: SubscaleConfig) -> None:
        super().__init__(config)
        self.ordering = config.ordering
        self.stages = nn.ModuleList(
            Stage(config, name, part, numbers) for name, part, numbers in stages_of(config)
        )

    @property
    def length(self) -> int:
        """See `Model.length`: twice the values of an image where their bits are parted."""
        return self.ordering.length

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
        return SubscaleState, RasterState, DecoderMemory, StacksMemory, Cache

    @property
    def initial(self) -> int:
        """See `AutoregressiveModel.initial`: nothing is read from it."""
        return 0

    @property
    def _all(self) -> list[Stage]:
        return [cast(Stage, stage) for stage in self.stages]

    def symbols(self, x: Tensor) -> Tensor:
        """Return levels or their parts (int64), shape (batch, length), of images.

        Raises:
            ShapeError: `x` is not (batch, channels, height, width).
            DataError: It holds other numbers than levels.
        """
        self.check_shape(x)
        self.check_levels(x)
        return self.ordering.arrange(self._parts(x))

    def render(self, symbols: Tensor) -> Tensor:
        """See `AutoregressiveModel.render`.

        Raises:
            ShapeError: The symbols are not those of whole images.
        """
        parts = self.ordering.restore(symbols)
        if not self.config.last_bits:
            return parts[:, 0]
        return join_bits(parts[:, 0], parts[:, 1], self.config.last_bits)

    def start(self, count: int, condition: Condition | None = None) -> SubscaleState:
        """See `AutoregressiveModel.start`."""
        label = self._label(condition, count)
        device = next(self.parameters()).device
        return SubscaleState(torch.empty(count, 0, dtype=torch.long, device=device), label)

    def advance(self, previous: Tensor, state: SubscaleState) -> tuple[Distribution, SubscaleState]:
        """See `AutoregressiveModel.advance`.

        Raises:
            ShapeError: There are more symbols than an image has.
        """
        symbols, inner = torch.cat([state.symbols, previous], 1), state.inner
        begin, end = state.symbols.shape[1], symbols.shape[1]
        if end > self.length:
            raise ShapeError(f"an image has {self.length} symbols; the next would be {end}")
        found = []
        for first, last in runs(begin, end, self.ordering.slice_length):
            stage, read = self._stage(first), symbols[:, first:last]
            if first % self.ordering.slice_length == 0:
                inner = self._enter(symbols[:, 1 : first + 1], first, state.label)
                # What ended the slice before is told, and not read: a slice begins like an image.
                read = F.pad(read[:, 1:], (1, 0))
            assert inner is not None  # the slice under way has been entered
            log_probs, inner = stage.advance(read, inner, self._first(symbols, first, last))
            found.append(log_probs)
        return Levels(torch.cat(found, 1)), SubscaleState(symbols, state.label, inner)

    def slice_log_probs(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return what each slice adds to `log_prob` of images, in nats.

        Shape (batch, parts, slices): a part is the first bits, then the others.
        """
        log_prob = self.conditionals(x, condition).log_prob(self.symbols(x))
        return log_prob.view(len(x), self.ordering.parts, -1, self.ordering.slice_length).sum(-1)

    def phases(self) -> Sequence[Phase]:
        """One for each stage: none learns from another."""
        return [
            Phase(stage.name, list(stage.parameters()), partial(self.loss, number))
            for number, stage in enumerate(self._all)
        ]

    def loss(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Estimate what a stage adds to the nats a value, from one slice of each image.

        The slice is drawn, each as likely as any other of the stage: the mean is exact.
        """
        stage, x = self._all[number], batch["image"]
        chosen = torch.randint(len(stage.numbers), (len(x),))
        target = torch.tensor(stage.numbers)[chosen].to(x.device)
        log_prob = self.target_log_prob(number, x, target, batch.get("condition"))
        return {"nll": -log_prob.mean() * len(stage.numbers) / x[0].numel()}

    def target_log_prob(
        self, number: int, x: Tensor, target: Tensor, condition: Condition | None = None
    ) -> Tensor:
        """Return the log-probability that a stage gives to a slice of each image, in nats.

        Args:
            number: Of the stage.
            x: Images.
            target: A slice of each, (batch,).
            condition: Their labels, if any.

        Returns:
            Shape (batch,), of that slice's part of the levels, given what comes before it.
        """
        stage, symbols = self._all[number], self.symbols(x)
        rows = torch.arange(len(x), device=x.device)
        sliced = symbols.view(len(x), self.ordering.parts, -1, self.ordering.slice_length)
        own = sliced[rows, stage.part, target]
        inner = stage.start(self._parts(x), target, self._label(condition, len(x)))
        first = sliced[rows, 0, target] if stage.part else None
        log_probs, _ = stage.advance(F.pad(own[:, :-1], (1, 0)), inner, first)
        return log_probs.gather(-1, own[..., None])[..., 0].sum(-1)

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the nats a value, of all slices and stages."""
        images = batch["image"]
        log_prob = self.log_prob(images, batch.get("condition"))
        return {"nll": -log_prob.mean() / images[0].numel()}

    def _label(self, condition: Condition | None, count: int) -> Tensor | None:
        check_condition(condition, self.needs, count)
        return condition["label"].values if condition else None

    def _parts(self, x: Tensor) -> Tensor:
        """Return the parts of levels, (batch, parts, channels, height, width)."""
        if not self.config.last_bits:
            return x.long()[:, None]
        return torch.stack(split_bits(x.long(), self.config.last_bits), 1)

    def _stage(self, rank: int) -> Stage:
        """Return the stage that draws the symbol of a rank."""
        part, number = divmod(rank // self.ordering.slice_length, self.config.factor**2)
        return next(one for one in self._all if one.part == part and number in one.numbers)

    def _enter(self, known: Tensor, rank: int, label: Tensor | None) -> RasterState:
        """Return the decoder's state before a slice, of which the symbols before are known."""
        parts = self.ordering.restore(F.pad(known, (0, self.length - rank)))
        number = rank // self.ordering.slice_length % self.config.factor**2
        target = torch.full((len(known),), number, device=known.device)
        return self._stage(rank).start(parts, target, label)

    def _first(self, symbols: Tensor, begin: int, end: int) -> Tensor | None:
        """Return the first bits of the values whose last bits have these ranks, if they have."""
        behind = self.length // self.ordering.parts
        if begin < behind or self.ordering.parts == 1:
            return None
        return symbols[:, 1 + begin - behind : 1 + end - behind]


class Stage(nn.Module):
    """Draws some slices of one part of the values, given all that comes before.

    Attributes:
        name: Of its phase of the training.
        part: 0 for levels or their first bits, 1 for their last ones.
        numbers: The slices that it draws.
    """

    counts: Tensor

    def __init__(
        self, config: SubscaleConfig, name: str, part: int, numbers: Sequence[int]
    ) -> None:
        super().__init__()
        self.config, self.name, self.part, self.numbers = config, name, part, tuple(numbers)
        most = config.most(part)
        self.decoder = SliceDecoder(config, most + 1)
        outputs = config.channels * (most + 1)
        self.head = LevelHead(config.features, outputs, config.channels)
        self.embedder = SliceEmbedder(config, part)
        if part:
            # Fewer follow the highest of the first bits where levels are no power of two.
            counts = [most + 1] * config.most(0)
            counts.append(config.levels - config.most(0) * (most + 1))
        else:
            counts = [most + 1]
        self.register_buffer("counts", torch.tensor(counts), persistent=False)

    def start(self, parts: Tensor, target: Tensor, label: Tensor | None = None) -> RasterState:
        """Return the decoder's state before a slice of each image.

        Args:
            parts: Shape (batch, parts, channels, height, width); what comes later is not looked at.
            target: The slices, (batch,).
            label: Classes of the images, (batch,), if the model is told any.
        """
        return self.decoder.start(self.embedder(parts, target), label)

    def advance(
        self, previous: Tensor, state: RasterState, first: Tensor | None
    ) -> tuple[Tensor, RasterState]:
        """Read symbols of a slice, and tell what follows each of them.

        Args:
            previous: Symbols (batch, block), of which the one before a slice is not looked at.
            state: From `start` or from the last call.
            first: First bits of the values that follow, where their others are drawn, (batch,
                block).

        Returns:
            Log-probabilities (batch, block, symbols), -inf of what cannot be drawn, and the state.
        """
        outputs, state = self.decoder.follow(self.head, previous, state)
        logits = outputs.of_levels(self.config.channels)
        if first is not None:
            codes = torch.arange(logits.shape[-1], device=logits.device)
            logits = logits.masked_fill(codes >= self.counts[first][..., None], -torch.inf)
        most = 1 + max(self.config.most(part) for part in range(self.config.ordering.parts))
        log_probs = logits.log_softmax(-1)
        return F.pad(log_probs, (0, most - logits.shape[-1]), value=-torch.inf), state


class DecoderMemory(NamedTuple):
    """What a decoder remembers of a slice.

    Attributes:
        told: What the attention is told of each pixel, (batch, pixels, attention_width).
        caches: Of its layers.
        stacks: Of the gated stacks.
    """

    told: Tensor
    caches: tuple[Cache, ...]
    stacks: StacksMemory


class SliceDecoder(RasterNetwork):
    """Causal attention over the pixels of a slice in raster order, then two gated stacks.

    Args:
        config: Of the model.
        levels: That it draws.
    """

    def __init__(self, config: SubscaleConfig, levels: int) -> None:
        raster = Raster(config.ordering.slice_shape, levels, config.first_kernel, config.channels)
        super().__init__(raster)
        width, heads = config.attention_width, config.heads
        self.pixel = nn.Linear(raster.planes, width)
        self.told = nn.Conv2d(config.told_channels, width, 1)
        self.blocks = nn.ModuleList(
            AttentionBlock(
                *(width, heads, width // heads),
                hidden=HIDDEN,
                dropout=config.dropout,
                kind="dense",
                stride=raster.shape[1] * raster.shape[2],
            )
            for _ in range(config.attention)
        )
        self.norm = nn.LayerNorm(width)
        size = StacksSize(
            *(config.layers, config.features, config.kernel, config.dropout),
            labels=config.labels,
            local=config.told_channels,
            heard=width,
        )
        self.stacks = PixelStacks(raster, size)

    def start(self, told: Tensor, label: Tensor | None = None) -> RasterState:
        """Return the state before a slice.

        Args:
            told: What is known of each pixel, (batch, told_channels, rows, columns).
            label: Classes of the images, (batch,), if the model is told any.
        """
        count = len(told)
        places = self.told(told).flatten(2).transpose(1, 2)
        caches = tuple(cast(AttentionBlock, block).attention.blank(count) for block in self.blocks)
        memory = DecoderMemory(places, caches, self.stacks.start(count, label, told))
        return self.open(count, memory)

    def enter(self, planes: Tensor, piece: Piece, memory: DecoderMemory) -> DecoderMemory:
        """See `RasterNetwork.enter`."""
        return memory._replace(stacks=self.stacks.enter(planes, piece, memory.stacks))

    def read(
        self, planes: Tensor, piece: Piece, memory: DecoderMemory
    ) -> tuple[Tensor, DecoderMemory]:
        """See `RasterNetwork.read`."""
        heard, caches = self._attend(planes, piece, memory)
        features, stacks = self.stacks.read(planes, piece, memory.stacks, heard)
        return features, DecoderMemory(memory.told, caches, stacks)

    def _attend(
        self, planes: Tensor, piece: Piece, memory: DecoderMemory
    ) -> tuple[Tensor, tuple[Cache, ...]]:
        """Tell of each pixel what the attention finds in those before it, as an image."""
        width, reach = self.raster.shape[2], self.raster.reach
        rows, columns = piece.bottom - piece.top, piece.right - piece.left
        # The pixel before the first of a row is the last of the row above.
        pixels = planes[:, :, reach - 1 :, reach : reach + width].flatten(2).transpose(1, 2)
        begin = width + piece.left - 1
        x = self.pixel(pixels[:, begin : begin + rows * columns])
        begin = piece.top * width + piece.left
        x, caches = x + memory.told[:, begin : begin + rows * columns], []
        for block, cache in zip(self.blocks, memory.caches, strict=True):
            x, cache = block(x, cache)
            caches.append(cache)
        return self.norm(x).transpose(1, 2).unflatten(2, (rows, columns)), tuple(caches)


class SliceEmbedder(nn.Module):
    """Tells of each pixel of a slice what is known around it, and where it lies.

    Pixels are gathered by their place relative to the one that is drawn: the block of factor x
    factor pixels that it ends, and then such blocks all around, over which convolutions go.
    """

    slice_of: Tensor

    def __init__(self, config: SubscaleConfig, part: int) -> None:
        super().__init__()
        self.config, self.part, width = config, part, config.told_channels
        _, rows, columns = config.ordering.slice_shape
        planes = (config.channels + 1) * (part + 1)
        self.read = nn.Conv2d(planes * config.factor**2, width, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(width, config.dropout) for _ in range(config.blocks))
        self.number = nn.Embedding(config.factor**2, width)
        self.row, self.column = nn.Embedding(rows, width), nn.Embedding(columns, width)
        # Without it what is told grows without bound in the first steps, and gates stay shut.
        self.norm = nn.GroupNorm(1, width)
        self.register_buffer("slice_of", config.ordering.slice_of(), persistent=False)

    def forward(self, parts: Tensor, target: Tensor) -> Tensor:
        """From parts of levels and a slice of each image to (batch, width, rows, columns)."""
        x = self.read(self.stack(parts, target))
        x = x + self.number(target)[..., None, None]
        for block in self.blocks:
            x = block(x)
        row, column = self.row.weight, self.column.weight
        # The last row and column of blocks hold no pixel of the slice.
        x = x[:, :, : len(row), : len(column)]
        return self.norm(x + row.t()[:, :, None] + column.t()[:, None])

    def stack(self, parts: Tensor, target: Tensor) -> Tensor:
        """Gather what is known by its place relative to the pixel that is drawn.

        Returns:
            Shape (batch, planes x factor ** 2, rows + 1, columns + 1). Of each plane, (i, j) is
            the pixel `factor - 1 - i` rows above and `factor - 1 - j` columns on the left, in
            this order. A part's planes are its channels, in [-1, 1], and ones where it is known.
        """
        factor, (_, height, width) = self.config.factor, self.config.shape
        known = self._known(parts, target)
        padded = F.pad(known, (factor - 1, factor, factor - 1, factor))
        a, b = target // factor, target % factor
        rows = a[:, None] + torch.arange(height + factor, device=a.device)
        columns = b[:, None] + torch.arange(width + factor, device=b.device)
        batch = torch.arange(len(target), device=a.device)[:, None, None]
        found = padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None]]
        return F.pixel_unshuffle(found.permute(0, 3, 1, 2), factor)

    def _known(self, parts: Tensor, target: Tensor) -> Tensor:
        """Draw planes of each part and of where it is known: zeros hide what comes later."""
        planes, config = [], self.config
        earlier = self.slice_of < target[:, None, None]
        for part in range(self.part + 1):
            mask = earlier if part == self.part else torch.ones_like(earlier)
            mask = mask[:, None].to(self.read.weight)
            values = 2 * parts[:, part].to(mask) / config.most(part) - 1
            planes += [values * mask, mask]
        return torch.cat(planes, 1)


class Residual(nn.Module):
    """Two convolutions, added to what they read."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Read (batch, width, rows, columns)."""
        return x + self.second(self.dropout(F.relu(self.first(F.relu(x)))))


def stages_of(config: SubscaleConfig) -> Iterator[tuple[str, int, range]]:
    """Yield each stage's name, part of the values, and slices."""
    every = range(config.factor**2)
    if config.apart:
        yield "small", 0, every[:1]
    yield "slices", 0, every[1:] if config.apart else every
    if config.last_bits:
        yield "depth", 1, every


def runs(begin: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """Cut ranks into stretches that lie within one slice of so many symbols."""
    while begin < end:
        stop = min(end, begin - begin % length + length)
        yield begin, stop
        begin = stop
