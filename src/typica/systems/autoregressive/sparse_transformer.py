"""Sparse Transformer: an autoregressive model of levels or codes, by attention in two short steps.

Source: Child et al., 2019, https://arxiv.org/abs/1904.10509. Told frames are added to the vectors
of symbols, as in Dhariwal et al., 2020, https://arxiv.org/abs/2005.00341, whence also comes the row
before one's own as a third pattern ("rows"). So are labels, which there stand before the first.
Departs from them: a sequence may be longer than the table of positions. Where the table is full,
its later half is read again as its beginning, so that each symbol but the first ones has at least
half a table of past; likelihoods are of that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.utils.checkpoint import checkpoint

from typica.core.condition import Condition, Need, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError
from typica.core.model import EndlessModel
from typica.core.telling import RetoldModel, check_told
from typica.layers.attending_network import AttendingModel, AttendingNetwork, AttendingState
from typica.layers.distributions import Levels
from typica.layers.gated_network import Affine
from typica.layers.level_model import LevelModel
from typica.layers.sparse_attention import AttentionBlock, Cache, Kind
from typica.layers.told import check_local, frames_of, needs_of, upsampling_of
from typica.signal.quantise import QuantiserName, quantiser

_KINDS: dict[str, tuple[Kind, ...]] = {
    "strided": ("window", "column"),
    "fixed": ("block", "summary"),
    "rows": ("block", "column", "previous"),
    "dense": ("dense",),
    "window": ("window",),
}


@dataclass(frozen=True)
class SparseTransformerConfig(Config):
    """Size of a Sparse Transformer. The paper gives no sizes for sound: these are of its text.

    Attributes:
        quantiser: How amplitudes become levels; "codes" where codes of another model are modelled.
        bits: 8 for 256 levels.
        positions: Symbols that the table of positions holds: the longest past.
        stride: Columns of the table.
        pattern: What is seen, layer after layer: "strided" alternates the latest and the own
            column, "fixed" the own row and the last columns of all, "rows" the own row, the own
            column and the row before; "window" is the latest alone, "dense" is all.
        merged: Whether every layer sees the union of both ("strided" and "fixed").
        summaries: Columns of each row that are seen from afar, for each head others ("fixed").
        layers: Number of layers.
        width: Channels.
        heads: Heads of the attention.
        head_size: Channels of a head; `width` over `heads` if 0.
        hidden: Width of the feed-forward part, in widths.
        embedding_std: Spread of the symbols' vectors at first; 0 for the paper's. Where steps are
            few, vectors that stand out from those of places are learnt from sooner.
        dropout: Where a layer adds to the vectors.
        recompute: Whether layers are computed again in the backward pass, to save memory.
        labels: Classes of the condition "label"; 0 for none.
        local: Name of the local condition, such as "roll"; null for none.
        local_channels: Its channels.
        hop: Its samples a frame.
        upsampling: How its frames are brought to the rate of the samples.
    """

    quantiser: QuantiserName = "mulaw"
    bits: int = 8
    positions: int = 12_288
    stride: int = 128
    pattern: Literal["strided", "fixed", "rows", "window", "dense"] = "strided"
    merged: bool = False
    summaries: int = 32
    layers: int = 30
    width: int = 512
    heads: int = 8
    head_size: int = 0
    hidden: int = 4
    embedding_std: float = 0.0
    dropout: float = 0.0
    recompute: bool = True
    labels: int = 0
    local: str | None = None
    local_channels: int = 0
    hop: int = 0
    upsampling: Literal["repeat", "linear", "learnt"] = "repeat"

    def __post_init__(self) -> None:
        self.check_at_least(1, "stride", "summaries", "layers", "width", "heads", "hidden")
        self.check_at_least(0, "head_size", "embedding_std", "labels", "local_channels", "hop")
        if self.positions % self.stride or self.positions < 2 * self.stride:
            raise ConfigError(
                f"model.positions must be a multiple of model.stride={self.stride}, and at least "
                f"two of them, got {self.positions}"
            )
        if not self.head_size and self.width % self.heads:
            raise ConfigError(f"model.width={self.width} is no multiple of heads={self.heads}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout must be from 0 to below 1, got {self.dropout}")
        if self.pattern == "fixed" and self.summaries > self.stride:
            raise ConfigError(f"model.summaries must be at most model.stride={self.stride}")
        if self.merged and self.pattern not in ("strided", "fixed"):
            raise ConfigError(f"model.merged is for strided and fixed, not for {self.pattern}")
        check_local(self)
        quantiser(self.quantiser, self.bits)

    @property
    def kinds(self) -> list[Kind]:
        """What each layer's attention sees."""
        own = _KINDS[self.pattern]
        if self.merged:
            own = (cast(Kind, self.pattern),)
        return [own[layer % len(own)] for layer in range(self.layers)]


class SparseTransformer(LevelModel, EndlessModel, RetoldModel, AttendingModel):
    """See the module's docstring."""

    config_type = SparseTransformerConfig
    conditioning = ("sparse", "dense")
    config: SparseTransformerConfig

    def __init__(self, config: SparseTransformerConfig) -> None:
        super().__init__(config)
        self.quantiser = quantiser(config.quantiser, config.bits)
        self.symbol = nn.Embedding(1 << config.bits, config.width)
        self.label = nn.Embedding(config.labels, config.width) if config.labels else None
        self.upsampling = upsampling_of(config)
        self.told = nn.Linear(config.local_channels, config.width) if config.local else None
        self.row = nn.Embedding(config.positions // config.stride, config.width)
        self.column = nn.Embedding(config.stride, config.width)
        self.blocks = nn.ModuleList(layer_of(config, kind) for kind in config.kinds)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 1 << config.bits)
        self.apply(_begin)
        for block in self.blocks:  # what is added grows with the layers, and is made less for it
            added = cast(AttentionBlock, block)
            for layer in (added.attention.write, added.out):
                layer.weight.data /= math.sqrt(2 * config.layers)
        for table in (self.row, self.column):
            table.weight.data /= math.sqrt(2)
        if config.embedding_std:
            nn.init.normal_(self.symbol.weight, std=config.embedding_std)
        nn.init.zeros_(self.head.weight)

    @property
    def receptive_field(self) -> int:
        """How many symbols of the past a prediction depends on, at most."""
        return self.config.positions

    @property
    def context(self) -> int:
        """See `Model.context`: none, since a table begins anywhere."""
        return 0

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`."""
        return needs_of(self.config)

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `AutoregressiveModel.state_types`."""
        return AttendingState, Cache

    def start(self, count: int, condition: Condition | None = None) -> AttendingState:
        """Return the state of an empty table."""
        check_condition(condition, self.needs, count)
        given = condition or {}
        label = self.label(given["label"].values) if self.label else None
        weight = self.head.weight
        frames = frames_of(self.config, condition, weight)
        rows = weight.new_zeros(count, 0, self.config.width)
        return AttendingState(0, rows, rows, self._blank(count), label, frames)

    def retell(self, state: AttendingState, told: Condition, past: int = 0) -> AttendingState:
        """See `RetoldModel.retell`."""
        check_told(told, self.needs, len(state.rows))
        frames = frames_of(self.config, told, self.head.weight)
        return state._replace(frames=frames, told_from=state.read - past)

    def advance(
        self, previous: Tensor, state: AttendingState
    ) -> tuple[Distribution, AttendingState]:
        """See `AutoregressiveModel.advance`."""
        rows, seen = self._given(previous, state), []
        while rows.shape[1]:
            if state.held == self.config.positions:
                state = self._turned(state)
            length = self._length(state.held, rows.shape[1])
            hidden, state = self._read(rows[:, :length], state)
            seen.append(hidden)
            rows = rows[:, length:]
        logits = self.head(self.norm(torch.cat(seen, 1)))
        state = state._replace(read=state.read + previous.shape[1])
        return Levels(logits.log_softmax(-1)), state

    def attending_network(self) -> AttendingNetwork:
        """See `AttendingModel.attending_network`."""
        return AttendingNetwork(
            symbols=self.symbol.weight,
            rows=self.row.weight,
            columns=self.column.weight,
            blocks=tuple(cast(AttentionBlock, block) for block in self.blocks),
            norm=self.norm,
            head=(Affine.of(self.head),),
            told=None if self.told is None else Affine.of(self.told),
            upsampling=self.upsampling,
            levels=self.quantiser.levels,
            distribution=Levels,
        )

    def _blank(self, count: int) -> tuple[Cache, ...]:
        return tuple(cast(AttentionBlock, block).attention.blank(count) for block in self.blocks)

    def _given(self, previous: Tensor, state: AttendingState) -> Tensor:
        """Return vectors of symbols and of what is told, (batch, length, width)."""
        rows = self.symbol(previous.long())
        if state.label is not None:
            rows = rows + state.label[:, None]
        if self.upsampling is not None and self.told is not None:
            begin = state.read - state.told_from
            frames = self.upsampling(state.frames, begin, previous.shape[1])
            rows = rows + self.told(frames).transpose(0, 1)
        return rows

    def _length(self, time: int, left: int) -> int:
        """Return how much is read at once: whole rows, or what a row still takes."""
        stride = self.config.stride
        missing = -time % stride
        if missing or left < stride:
            return min(left, missing or stride)
        return min(left, self.config.positions - time) // stride * stride

    def _read(self, rows: Tensor, state: AttendingState) -> tuple[Tensor, AttendingState]:
        """Read a part of a row or whole rows; return the vectors behind the layers."""
        time = state.held + torch.arange(rows.shape[1], device=rows.device)
        places = self.row(time // self.config.stride) + self.column(time % self.config.stride)
        hidden, caches = rows + places, []
        for block, cache in zip(self.blocks, state.caches, strict=True):
            if self.config.recompute and torch.is_grad_enabled():
                hidden, cache = checkpoint(block, hidden, cache, use_reentrant=False)
            else:
                hidden, cache = block(hidden, cache)
            caches.append(cache)
        state = self._holding(torch.cat([state.tail, rows], 1), state)
        return hidden, state._replace(caches=tuple(caches))

    def _holding(self, tail: Tensor, state: AttendingState) -> AttendingState:
        """Return a state of another tail: the table is copied only where a row of it is full."""
        full = tail.shape[1] // self.config.stride * self.config.stride
        if not full:
            return state._replace(tail=tail)
        return state._replace(rows=torch.cat([state.rows, tail[:, :full]], 1), tail=tail[:, full:])

    def _turned(self, state: AttendingState) -> AttendingState:
        """Read the later half of a full table as the beginning of another."""
        rows = self.config.positions // self.config.stride
        kept = (rows + 1) // 2 * self.config.stride
        blank = state.rows[:, :0]
        fresh = state._replace(rows=blank, tail=blank, caches=self._blank(len(blank)))
        return self._read(state.rows[:, -kept:], fresh)[1]


def layer_of(config: SparseTransformerConfig, kind: Kind) -> AttentionBlock:
    """Return a layer that sees what a kind of attention sees."""
    return AttentionBlock(
        *(config.width, config.heads, config.head_size or config.width // config.heads),
        hidden=config.hidden,
        dropout=config.dropout,
        kind=kind,
        stride=config.stride,
        summaries=config.summaries,
    )


def _begin(module: nn.Module) -> None:
    """Set a module's weights where section 6 of the paper has them."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.125 / math.sqrt(module.in_features))
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.125 / math.sqrt(module.embedding_dim))
