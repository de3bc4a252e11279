"""What recurrent tiers above a perceptron are made of, as tensors: what engines are compiled from.

A model of tiers at falling rates says so by deriving from `RecurrentModel`. Which system it is, an
engine need not know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor
from torch.distributions import Distribution

from typica.layers.gated_network import Affine


class TierState(NamedTuple):
    """What a tier remembers.

    Attributes:
        hidden: Of each layer, (batch, layers, width).
        cell: Of each LSTM, of the same shape, or None.
        words: What its last frame says to the tier below, (batch, ratio, width).
    """

    hidden: Tensor
    cell: Tensor | None
    words: Tensor


class RecurrentState(NamedTuple):
    """What a model of recurrent tiers remembers.

    Attributes:
        time: Number of symbols read.
        heard: The last of them, one less than the longest frame, (batch, symbols).
        tiers: Of each tier, the slowest first.
        label: Classes, (batch,), or None.
    """

    time: int
    heard: Tensor
    tiers: tuple[TierState, ...]
    label: Tensor | None = None


class RecurrentLayer(NamedTuple):
    """A layer of torch's GRU or LSTM, its gates in torch's order.

    Attributes:
        inputs: What its inputs are multiplied by, (inputs, gates * width). Where a layer also reads
            the tier's input, that comes behind the layer below.
        past: What its past is multiplied by, (width, gates * width).
        bias: Added to the former, (gates * width,).
        past_bias: Added to the latter.
    """

    inputs: Tensor
    past: Tensor
    bias: Tensor
    past_bias: Tensor


class RecurrentTier(NamedTuple):
    """A tier.

    Attributes:
        frame: Samples of a frame.
        part: Samples of a frame of the tier below; 1 for the perceptron.
        input: From the numbers of a frame.
        label: Vectors of classes that are added to it, (labels, width), or None.
        layers: One above another.
        outputs: Of each layer, added up; without any, the last layer speaks.
        upsampling: From what is spoken to the words, (width, frame // part * width).
    """

    frame: int
    part: int
    input: Affine
    label: Tensor | None
    layers: tuple[RecurrentLayer, ...]
    outputs: tuple[Affine, ...]
    upsampling: Affine


@dataclass(frozen=True)
class RecurrentNetwork:
    """Tiers and a perceptron, from the symbol read to the log-probabilities of the next.

    Attributes:
        cell: Of the layers.
        numbers: The number that tiers read for each level, (levels,).
        tiers: The slowest first.
        tables: What each level adds to the perceptron's first layer at each tap, the last symbol's
            last, (taps, levels, width); None where it reads none.
        head: The perceptron's other layers, each with a ReLU before it.
        levels: Number of levels.
        distribution: Makes distributions of log-probabilities (batch, time, levels).
        output: What the outputs are parameters of.
    """

    cell: Literal["gru", "lstm"]
    numbers: Tensor
    tiers: tuple[RecurrentTier, ...]
    tables: Tensor | None
    head: tuple[Affine, ...]
    levels: int
    distribution: Callable[[Tensor], Distribution]
    output: Literal["categorical"] = "categorical"


class RecurrentModel(ABC):
    """A model whose states are `RecurrentState`s, and whose step is that of its network."""

    @abstractmethod
    def recurrent_network(self) -> RecurrentNetwork:
        """Return its parts, with the weights as they are now."""
