"""What a network around a gated stack is made of, as tensors: what engines are compiled from.

A model that is built around a `GatedStack` says so by deriving from `GatedModel`. Which system it
is, an engine need not know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.distributions import Distribution

from typica.layers.gated import GatedStack
from typica.layers.upsampling import Upsampling


class ContextState(NamedTuple):
    """What a context network remembers.

    Attributes:
        waiting: Symbols of the frame that is not yet full, after those before it that the first
            convolution still needs, (batch, symbols).
        now: What it says until that frame is full, (batch, channels).
        histories: Past inputs of each layer, (time, batch, channels).
    """

    waiting: Tensor
    now: Tensor
    histories: tuple[Tensor, ...]

    def pick(self, rows: Sequence[int]) -> ContextState:
        """Return the same of some sequences."""
        index = list(rows)
        histories = tuple(history[:, index] for history in self.histories)
        return ContextState(self.waiting[index], self.now[index], histories)


class GatedState(NamedTuple):
    """What a model around a gated stack remembers of what it has read.

    Attributes:
        time: Number of symbols read.
        symbols: The last of them that the first convolution still needs.
        histories: Past inputs of each layer, (time, batch, channels).
        label: Vectors of the classes, (batch, label_channels).
        frames: Frames of the local condition, (batch, channels, frames).
        context: State of the context network.
        told_from: Symbol at which the frames begin.
    """

    time: int
    symbols: Tensor
    histories: tuple[Tensor, ...]
    label: Tensor | None = None
    frames: Tensor | None = None
    context: ContextState | None = None
    told_from: int = 0

    def pick(self, rows: Sequence[int]) -> GatedState:
        """Return the same of some sequences."""
        index = list(rows)
        return GatedState(
            self.time,
            self.symbols[index],
            tuple(history[:, index] for history in self.histories),
            None if self.label is None else self.label[index],
            None if self.frames is None else self.frames[index],
            None if self.context is None else self.context.pick(rows),
            self.told_from,
        )


class Reading(NamedTuple):
    """The first convolution, and what widens it, as one.

    Attributes:
        weight: What each symbol adds: vectors of levels (taps, levels, channels), or what
            amplitudes are multiplied by (taps, channels).
        bias: Shape (channels,).
        levels: Number of levels; 0 where symbols are amplitudes.
    """

    weight: Tensor
    bias: Tensor
    levels: int

    @property
    def is_scalar(self) -> bool:
        """Whether symbols are read as amplitudes: levels are spread over [-1, 1]."""
        return self.weight.ndim == 2


class Affine(NamedTuple):
    """A product and a sum: weight (inputs, outputs), bias (outputs,)."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, linear: nn.Linear) -> Affine:
        """Return a layer's weights as they are now; a bias that it has not is 0."""
        weight, bias = linear.weight.t(), linear.bias
        return cls(weight, weight.new_zeros(linear.out_features) if bias is None else bias)


class ContextNetworkParts(NamedTuple):
    """A stack that reads means over frames of `pool` samples; its words pass a ReLU."""

    reading: Reading
    stack: GatedStack
    pool: int


@dataclass(frozen=True)
class GatedNetwork:
    """A network around a gated stack, from the symbol read to the parameters of what follows.

    Attributes:
        reading: The first convolution.
        stack: The gated layers. They are told, side by side, the label's vector, the local
            condition and the context network's words, as many of them as there are.
        head: Layers behind the sum of the skips, each with a ReLU before it.
        output: What the outputs are parameters of.
        levels: Levels of a quantiser; 0 for amplitudes.
        log_scale_floor: Smallest log-scale of logistics and Gaussians.
        distribution: Makes distributions of outputs (batch, time, outputs), which are
            log-probabilities where they are categorical.
        upsampling: Brings the local condition to the rate of the samples.
        context: A second stack, at a lower rate.
    """

    reading: Reading
    stack: GatedStack
    head: tuple[Affine, ...]
    output: Literal["categorical", "logistics", "gaussian"]
    levels: int
    log_scale_floor: float
    distribution: Callable[[Tensor], Distribution]
    upsampling: Upsampling | None = None
    context: ContextNetworkParts | None = None


class GatedModel(ABC):
    """A model whose states are `GatedState`s, and whose step is that of a `GatedNetwork`."""

    @abstractmethod
    def network(self) -> GatedNetwork:
        """Return its parts, with the weights as they are now."""
