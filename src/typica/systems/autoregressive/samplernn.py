"""SampleRNN: recurrent tiers at falling rates above a perceptron that draws each sample.

Source: Mehri et al., 2017, https://arxiv.org/abs/1612.07837; skip connections, which Dadabots use
(Zukowski and Carr, 2018), after Graves, 2013, https://arxiv.org/abs/1308.0850.
Departs from them: the cells are torch's, whose GRU resets what its matrix has made of the past, not
the past itself; the perceptron's first layer takes sums of learnt rows, which is the same product;
its last begins small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core.carrying import CarryingModel
from typica.core.condition import Condition, Need, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError
from typica.core.hidden import HiddenStates
from typica.core.model import EndlessModel
from typica.expressions import set_param, weight_norm
from typica.layers.distributions import Levels
from typica.layers.gated_network import Affine
from typica.layers.level_model import LevelModel
from typica.layers.recurrent_network import (
    RecurrentLayer,
    RecurrentModel,
    RecurrentNetwork,
    RecurrentState,
    RecurrentTier,
    TierState,
)
from typica.signal.quantise import QuantiserName, quantiser

FORGET_BIAS = 3.0  # an LSTM begins by keeping what it has
UNSURE = 0.1  # scale of the first logits: with 1 it has 0.7 bit to unlearn first
SPAN = 2.0  # tiers read levels spread over [-SPAN, SPAN]


@dataclass(frozen=True)
class SampleRNNConfig(Config):
    """Size of a SampleRNN; the defaults are the paper's best for music, of two tiers.

    Attributes:
        frames: Samples of a frame of each recurrent tier, the slowest first: (16,) is the paper's
            two tiers, (8, 2) its three. Each is a multiple of the next; the perceptron reads as
            many samples as the last.
        width: Of the tiers and the perceptron.
        cell: Of the recurrent layers.
        layers: Recurrent layers in each tier.
        skips: Whether layers after the first also read the tier's input, and all of them speak.
        embedding: Width of the vectors by which the perceptron reads levels; 0 lets it read
            amplitudes (the paper's "without embedding").
        within: Whether a sample is told of those before it in its frame, or "independent" of them
            (the paper's "multi-softmax").
        learnt_start: Whether the states before the first frame are learnt, or zero.
        weight_norm: Whether direction and length of weights are learnt apart (Salimans and
            Kingma, 2016).
        quantiser: How amplitudes become levels.
        bits: 8 for 256 levels.
        labels: Classes of the condition "label", which every tier is told; 0 for none.
    """

    frames: tuple[int, ...] = (16,)
    width: int = 1024
    cell: Literal["gru", "lstm"] = "gru"
    layers: int = 3
    skips: bool = False
    embedding: int = 256
    within: Literal["autoregressive", "independent"] = "autoregressive"
    learnt_start: bool = True
    weight_norm: bool = True
    quantiser: QuantiserName = "linear"
    bits: int = 8
    labels: int = 0

    def __post_init__(self) -> None:
        self.check_at_least(1, "width", "layers")
        self.check_at_least(0, "embedding", "labels")
        if not self.frames or min(self.frames) < 1:
            raise ConfigError(f"model.frames must be sizes of at least 1, got {self.frames}")
        if any(long <= short or long % short for long, short in pairwise(self.frames)):
            raise ConfigError(
                f"model.frames must fall, each a multiple of the next, as in [16, 4]; "
                f"got {list(self.frames)}"
            )
        if self.skips and self.layers == 1:
            raise ConfigError("model.skips needs model.layers of at least 2")
        quantiser(self.quantiser, self.bits)


class SampleRNN(LevelModel, EndlessModel, CarryingModel, RecurrentModel, HiddenStates):
    """See the module's docstring."""

    config_type = SampleRNNConfig
    conditioning = ("sparse",)
    config: SampleRNNConfig

    def __init__(self, config: SampleRNNConfig) -> None:
        super().__init__(config)
        self.quantiser = quantiser(config.quantiser, config.bits)
        pairs = pairwise((*config.frames, 1))
        self.tiers = nn.ModuleList(Tier(config, frame, part) for frame, part in pairs)
        self.perceptron = Perceptron(config)

    @property
    def context(self) -> int:
        """See `Model.context`: a crop's first frames hear what was before it."""
        return self.config.frames[0]

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`."""
        return {"label": Need(self.config.labels)} if self.config.labels else {}

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `AutoregressiveModel.state_types`."""
        return RecurrentState, TierState

    def start(self, count: int, condition: Condition | None = None) -> RecurrentState:
        """Return the state after silence."""
        check_condition(condition, self.needs, count)
        device = next(self.parameters()).device
        heard = torch.full((count, self.config.frames[0] - 1), int(self.initial), device=device)
        label = condition["label"].values if condition else None
        tiers = tuple(cast(Tier, tier).start(count) for tier in self.tiers)
        return RecurrentState(0, heard, tiers, label)

    def advance(
        self, previous: Tensor, state: RecurrentState
    ) -> tuple[Distribution, RecurrentState]:
        """See `AutoregressiveModel.advance`."""
        distribution, _, state = self.advance_hidden(previous, state)
        return distribution, state

    def advance_hidden(
        self, previous: Tensor, state: RecurrentState
    ) -> tuple[Distribution, Tensor, RecurrentState]:
        """See `HiddenStates.advance_hidden`: the vectors are the perceptron's last."""
        heard = torch.cat([state.heard, previous], 1)
        values = _numbers(heard, self.quantiser.levels, like=self.perceptron.hidden.bias)
        told, tiers = None, []
        for tier, memory in zip(self.tiers, state.tiers, strict=True):
            told, memory = tier(values, state.time, previous.shape[1], told, state.label, memory)
            tiers.append(memory)
        log_probs, vectors = self.perceptron(heard, values, told)
        length = previous.shape[1]
        state = RecurrentState(state.time + length, heard[:, length:], tuple(tiers), state.label)
        return Levels(log_probs), vectors, state

    def recurrent_network(self) -> RecurrentNetwork:
        """See `RecurrentModel.recurrent_network`."""
        perceptron, levels = self.perceptron, self.quantiser.levels
        bias = perceptron.hidden.bias
        return RecurrentNetwork(
            cell=self.config.cell,
            numbers=_numbers(torch.arange(levels, device=bias.device), levels, like=bias),
            tiers=tuple(cast(Tier, tier).parts() for tier in self.tiers),
            tables=None if perceptron.reading is None else perceptron.tables(),
            head=(Affine.of(perceptron.hidden), Affine.of(perceptron.last)),
            levels=levels,
            distribution=Levels,
        )


class Tier(nn.Module):
    """A recurrent tier: it reads frames of `frame` samples and tells each `part` of the next one.

    The frame that begins at a sample is told of the `frame` samples before it and no others.
    """

    def __init__(self, config: SampleRNNConfig, frame: int, part: int) -> None:
        super().__init__()
        width = config.width
        self.frame, self.part, self.ratio, self.width = frame, part, frame // part, width
        self.input = nn.Linear(frame, width)
        self.label = nn.Embedding(config.labels, width) if config.labels else None
        self.stack = Stack(config)
        self.upsampling = nn.Linear(width, self.ratio * width)
        for linear in (self.input, self.upsampling):
            _begin(linear, weight_normed=config.weight_norm)

    def start(self, count: int) -> TierState:
        """Return the state before the first frame."""
        hidden, cell = self.stack.start(count)
        return TierState(hidden, cell, hidden.new_zeros(count, self.ratio, self.width))

    def parts(self) -> RecurrentTier:
        """Return what an engine is compiled from."""
        return RecurrentTier(
            *(self.frame, self.part, Affine.of(self.input)),
            None if self.label is None else self.label.weight,
            tuple(_layer(cast(nn.RNNBase, layer)) for layer in self.stack.layers),
            tuple(Affine.of(cast(nn.Linear, linear)) for linear in self.stack.outputs),
            Affine.of(self.upsampling),
        )

    def forward(
        self,
        values: Tensor,
        time: int,
        length: int,
        told: Tensor | None,
        label: Tensor | None,
        state: TierState,
    ) -> tuple[Tensor, TierState]:
        """Read a block.

        Args:
            values: Levels as numbers, of the past and the block, (batch, past + length).
            time: Symbols read before the block.
            length: Symbols of the block.
            told: By the tier above to each frame that begins in the block, (batch, frames, width).
            label: Classes, (batch,).
            state: Left as it was.

        Returns:
            What is told to each part that begins in the block, (batch, parts, width), and the
            state after the block.
        """
        words = state.words
        first, count = _begins(time, length, self.frame)
        if count:
            # A frame that begins after some symbol ends with this symbol what it hears.
            end = values.shape[1] - length + first + 1
            heard = values[:, end - self.frame : end + (count - 1) * self.frame]
            x = self.input(heard.unflatten(1, (count, self.frame)))
            x = x if told is None else x + told
            x = x if self.label is None or label is None else x + self.label(label)[:, None]
            x, hidden, cell = self.stack(x, state.hidden, state.cell)
            spoken = self.upsampling(x).view(len(x), -1, self.width)
            words = torch.cat([words, spoken], 1)
            state = TierState(hidden, cell, words[:, -self.ratio :])
        # The first of `words` is for where the frame began that the last symbol before is part of.
        since = (time - 1) // self.frame * self.frame
        first, count = _begins(time, length, self.part)
        place = (time + first - since) // self.part
        return words[:, place : place + count], state


def _begins(time: int, length: int, size: int) -> tuple[int, int]:
    """Return after how many symbols of a block the first frame begins, and how many do."""
    first = -time % size
    return first, max(0, -(-(length - first) // size))


class Stack(nn.Module):
    """Recurrent layers, one above another."""

    def __init__(self, config: SampleRNNConfig) -> None:
        super().__init__()
        width, self.has_cell = config.width, config.cell == "lstm"
        kind = nn.LSTM if self.has_cell else nn.GRU
        more = width if config.skips else 0
        inputs = [width, *[width + more] * (config.layers - 1)]
        layers = [kind(size, width, batch_first=True) for size in inputs]
        for layer in layers:
            self._begin(layer, weight_normed=config.weight_norm)
        self.layers = nn.ModuleList(layers)
        outputs = config.layers if config.skips else 0
        # One bias will do for their sum.
        speaking = [nn.Linear(width, width, bias=not number) for number in range(outputs)]
        for linear in speaking:
            _begin(linear, weight_normed=config.weight_norm)
        self.outputs = nn.ModuleList(speaking)
        shape = (1 + self.has_cell, config.layers, width)
        self.first = nn.Parameter(torch.zeros(shape)) if config.learnt_start else None
        self.shape = shape

    def start(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Return the layers' states before the first frame, (count, layers, width)."""
        device = next(self.parameters()).device
        first = torch.zeros(self.shape, device=device) if self.first is None else self.first
        hidden, *cell = first[:, None].expand(-1, count, -1, -1)
        return hidden, cell[0] if cell else None

    def forward(
        self, x: Tensor, hidden: Tensor, cell: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Read frames (batch, frames, width); return as many rows and the layers' states."""
        hiddens, cells, spoken = [], [], []
        with torch.autocast(x.device.type, enabled=False):  # cells are not cast by it everywhere
            given = y = x.to(hidden.dtype)
            for number, layer in enumerate(self.layers):
                if number and self.outputs:
                    y = torch.cat([y, given], -1)
                before = hidden[:, number][None].contiguous()
                if cell is None:
                    y, after = layer(y, before)
                else:
                    y, (after, kept) = layer(y, (before, cell[:, number][None].contiguous()))
                    cells.append(kept[0])
                hiddens.append(after[0])
                spoken.append(y)
        if self.outputs:
            y = torch.stack([f(z) for f, z in zip(self.outputs, spoken, strict=True)]).sum(0)
        return y, torch.stack(hiddens, 1), torch.stack(cells, 1) if cells else None

    @torch.no_grad()
    def _begin(self, layer: nn.RNNBase, *, weight_normed: bool) -> None:
        """Let a layer begin without biases, its past turned without loss."""
        width = layer.hidden_size
        inputs, past, bias, other_bias = layer.parameters()
        _spread(inputs)
        for gate in past.split(width):
            nn.init.orthogonal_(gate)
        bias.zero_()
        other_bias.zero_()
        if self.has_cell:
            bias[width : 2 * width] = FORGET_BIAS
        if weight_normed:
            for name in ("weight_ih_l0", "weight_hh_l0"):
                set_param(layer, name, weight_norm(getattr(layer, name)))


class Perceptron(nn.Module):
    """The tier of samples: from the last levels and what the tier above says to the next level."""

    def __init__(self, config: SampleRNNConfig) -> None:
        super().__init__()
        self.taps, self.levels, width = config.frames[-1], 1 << config.bits, config.width
        reads = config.within == "autoregressive"
        vector = config.embedding or 1
        self.embedding = nn.Embedding(self.levels, vector) if reads and config.embedding else None
        self.reading = nn.Linear(self.taps * vector, width, bias=False) if reads else None
        self.hidden = nn.Linear(width, width)
        self.last = nn.Linear(width, self.levels)
        for linear in (self.reading, self.hidden, self.last):
            if linear is not None:
                # The root is for what a ReLU halves; untrained, all levels are about as likely.
                gain = UNSURE if linear is self.last else math.sqrt(2)
                _begin(linear, gain, weight_normed=config.weight_norm)

    def forward(self, heard: Tensor, values: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """Tell what follows.

        Args:
            heard: Levels of the past and the block, (batch, past + length).
            values: The same as numbers.
            told: By the tier above, (batch, length, width).

        Returns:
            Log-probabilities (batch, length, levels), and the vectors that they are computed of.
        """
        begin = heard.shape[1] - told.shape[1] - self.taps + 1
        if self.reading is not None and self.embedding is None:
            told = told + self.reading(values[:, begin:].unfold(1, self.taps, 1))
        elif self.reading is not None:
            told = told + self._read(heard[:, begin:].unfold(1, self.taps, 1))
        vectors = F.relu(self.hidden(F.relu(told)))
        logits = self.last(vectors)
        full = torch.promote_types(logits.dtype, torch.float32)  # though products be in bfloat16
        return logits.log_softmax(-1, dtype=full), vectors

    def _read(self, windows: Tensor) -> Tensor:
        """Embed windows of levels (batch, length, taps) and multiply, (batch, length, width)."""
        assert self.embedding is not None
        assert self.reading is not None
        if windows[..., 0].numel() < self.levels:
            return self.reading(self.embedding(windows).flatten(2))
        # Fewer levels than windows: each is multiplied once, and the products are looked up.
        places = windows + self.levels * torch.arange(self.taps, device=windows.device)
        tables = self.tables().flatten(0, 1)
        rows = F.embedding_bag(places.flatten(0, 1), tables, mode="sum")
        return rows.view(*windows.shape[:2], -1)

    def tables(self) -> Tensor:
        """Return what each level adds at each tap, (taps, levels, width)."""
        assert self.reading is not None
        weight = self.reading.weight.unflatten(1, (self.taps, -1)).permute(1, 2, 0)
        if self.embedding is None:
            levels = torch.arange(self.levels, device=weight.device)
            return _numbers(levels, self.levels, like=weight)[:, None] * weight
        return self.embedding.weight @ weight


def _layer(layer: nn.RNNBase) -> RecurrentLayer:
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    inputs, past, *biases = (getattr(layer, name) for name in names)
    return RecurrentLayer(inputs.t(), past.t(), *biases)


def _numbers(levels: Tensor, count: int, like: Tensor) -> Tensor:
    """Return levels as numbers, spread over [-SPAN, SPAN]."""
    return levels.to(like.dtype) * (2 * SPAN / (count - 1)) - SPAN


@torch.no_grad()
def _begin(linear: nn.Linear, gain: float = 1.0, *, weight_normed: bool) -> None:
    """Let a layer keep the variance of what it reads, and begin without a bias."""
    _spread(linear.weight, gain)
    if linear.bias is not None:
        linear.bias.zero_()
    if weight_normed:
        set_param(linear, "weight", weight_norm(linear.weight))


@torch.no_grad()
def _spread(weight: Tensor, gain: float = 1.0) -> None:
    bound = gain * math.sqrt(3 / weight.shape[1])
    weight.uniform_(-bound, bound)
