"""Subscale pixel network: images in interleaved slices, and their bits in two parts, by any system.

Source: Menick and Kalchbrenner, 2018, https://arxiv.org/abs/1812.01608. A network that sees all of
the earlier slices, those right of and below a pixel among them, tells a decoder what it needs to
draw the next slice; the decoder itself reads that slice alone. With `apart` the first slice, a
small image, has networks of its own (size upscaling); with `first_bits` the other bits of all
pixels come last and have their own (depth upscaling). Nothing is left out of the sum, so the
likelihood is exact.
Departs from it: the decoder is any system that models codes and is told frames, in place of
attention followed by a gated PixelCNN; slices are placed by what pixels they hold relative to the
one that is drawn, so that places in the network's input are pixels at fixed distances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution

from typica.core import registry
from typica.core.condition import Condition, Need, Track, check_condition
from typica.core.errors import ConfigError, ShapeError
from typica.core.model import AutoregressiveModel
from typica.core.phase import Batch, Phase
from typica.core.telling import RetoldModel
from typica.images.model import ImageConfig, ImageModel
from typica.images.ordering import Ordering, join_bits, split_bits
from typica.layers.distributions import Levels

TOLD = "slices"  # what a decoder calls what it is told
MOST_LEVELS = 1 << 16


@dataclass(frozen=True)
class SubscaleConfig(ImageConfig):
    """The order of an image's values, and the networks that draw them.

    Attributes:
        factor: Slices on a side: 2 for four of them; 1 for raster order.
        apart: Whether the first slice has networks of its own.
        first_bits: The most significant bits of a value, which come first; 0, or all that there
            are, for values as they are.
        decoder: The system that draws a slice; each stage has one of this size.
        told_channels: Width of what it is told.
        blocks: Residual blocks of the network that tells it.
        labels: Classes of the condition "label", of which the decoder is told; 0 for none.
    """

    factor: int = 4
    apart: bool = False
    first_bits: int = 0
    decoder: Mapping[str, Any] = field(
        default_factory=lambda: {"system": "sparse_transformer", "pattern": "dense"}
    )
    told_channels: int = 128
    blocks: int = 5
    labels: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_at_least(1, "factor", "told_channels")
        self.check_at_least(0, "blocks", "first_bits", "labels")
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
        inner: State of the decoder in the slice under way; None before the first.
    """

    symbols: Tensor
    label: Tensor | None = None
    inner: Any = None


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
        return SubscaleState, *self._all[0].decoder.state_types

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
            distribution, inner = stage.decoder.advance(read, inner)
            found.append(stage.log_probs(distribution, self._first(symbols, first, last)))
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
        distribution, _ = stage.decoder.advance(F.pad(own[:, :-1], (1, 0)), inner)
        first = sliced[rows, 0, target] if stage.part else None
        log_probs = stage.log_probs(distribution, first)
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

    def _enter(self, known: Tensor, rank: int, label: Tensor | None) -> Any:
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
        bits = config.last_bits if part else config.bits - config.last_bits
        own = {"quantiser": "codes", "bits": bits, "local": TOLD, "hop": 1}
        own |= {"local_channels": config.told_channels, "upsampling": "repeat"}
        own |= {"labels": config.labels}
        kind, like = RetoldModel, "sparse_transformer"
        self.decoder: AutoregressiveModel = registry.within(
            config.decoder, "model.decoder", own, kind, like
        )
        self.embedder = SliceEmbedder(config, part)
        most = config.most(0)
        if part:
            # Fewer follow the highest of the first bits where levels are no power of two.
            whole = 1 << config.last_bits
            counts = [whole] * most + [config.levels - most * whole]
        else:
            counts = [most + 1]
        self.register_buffer("counts", torch.tensor(counts), persistent=False)

    def start(self, parts: Tensor, target: Tensor, label: Tensor | None = None) -> Any:
        """Return the decoder's state before a slice of each image.

        Args:
            parts: Shape (batch, parts, channels, height, width); what comes later is not looked at.
            target: The slices, (batch,).
            label: Classes of the images, (batch,), if the model is told any.
        """
        told = {TOLD: Track(self.embedder(parts, target), 1.0)}
        if label is not None:
            told["label"] = Track(label)
        return self.decoder.start(len(parts), told)

    def log_probs(self, distribution: Distribution, first: Tensor | None) -> Tensor:
        """Return log-probabilities (batch, block, symbols) of what can be drawn; -inf of others.

        Args:
            distribution: Of the decoder's codes.
            first: First bits of the values, where the others are drawn, (batch, block).

        Raises:
            ConfigError: The decoder's output is not categorical.
        """
        if not isinstance(distribution, Categorical):
            raise ConfigError("model.decoder.output must be categorical: parts of levels are drawn")
        logits = distribution.logits
        counts = self.counts if first is None else self.counts[first]
        codes = torch.arange(logits.shape[-1], device=logits.device)
        logits = logits.masked_fill(codes >= counts[..., None], -torch.inf).log_softmax(-1)
        most = 1 << max(self.config.last_bits, self.config.bits - self.config.last_bits)
        return F.pad(logits, (0, most - logits.shape[-1]), value=-torch.inf)


class SliceEmbedder(nn.Module):
    """Tells of each pixel of a slice what is known around it, and where it lies.

    Pixels are gathered by their place relative to the one that is drawn: the block of factor x
    factor pixels that it ends, and then such blocks all around, over which convolutions go.
    """

    slice_of: Tensor

    def __init__(self, config: SubscaleConfig, part: int) -> None:
        super().__init__()
        self.config, self.part, width = config, part, config.told_channels
        channels, rows, columns = config.ordering.slice_shape
        planes = (channels + 1) * (part + 1)
        self.read = nn.Conv2d(planes * config.factor**2, width, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(width) for _ in range(config.blocks))
        self.number = nn.Embedding(config.factor**2, width)
        self.row, self.column = nn.Embedding(rows, width), nn.Embedding(columns, width)
        self.channel = nn.Embedding(channels, width)
        self.register_buffer("slice_of", config.ordering.slice_of(), persistent=False)

    def forward(self, parts: Tensor, target: Tensor) -> Tensor:
        """From parts of levels and a slice of each image to (batch, told_channels, symbols)."""
        x = self.read(self.stack(parts, target))
        x = x + self.number(target)[..., None, None]
        for block in self.blocks:
            x = block(x)
        row, column = self.row.weight, self.column.weight
        # The last row and column of blocks hold no pixel of the slice.
        x = x[:, :, : len(row), : len(column)]
        x = x + row.t()[:, :, None] + column.t()[:, None]
        return (x[..., None] + self.channel.weight.t()[:, None, None]).flatten(2)

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

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Read (batch, width, rows, columns)."""
        return x + self.second(F.relu(self.first(F.relu(x))))


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
