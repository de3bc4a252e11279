"""What a causal transformer over a table is made of: what engines are compiled from.

A model of symbols that are written row by row into a table, with layers of sparse attention over
it, says so by deriving from `AttendingModel`. Which system it is, an engine need not know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.distributions import Distribution

from typica.layers.gated_network import Affine
from typica.layers.sparse_attention import AttentionBlock, Cache
from typica.layers.upsampling import Upsampling


class AttendingState(NamedTuple):
    """What a transformer over a table remembers.

    Attributes:
        read: Number of symbols read.
        rows: What the layers were given for those in full rows of the table, (batch, symbols,
            width): vectors of symbols and of what was told, without positions.
        tail: For those in the row that is not full, of the same shape.
        caches: Of each layer.
        label: Vectors of the classes, (batch, width), or None.
        frames: Frames of the local condition, (batch, channels, frames), or None.
        told_from: Symbol at which the frames begin.
    """

    read: int
    rows: Tensor
    tail: Tensor
    caches: tuple[Cache, ...]
    label: Tensor | None = None
    frames: Tensor | None = None
    told_from: int = 0

    @property
    def held(self) -> int:
        """Number of symbols in the table."""
        return self.rows.shape[1] + self.tail.shape[1]


@dataclass(frozen=True)
class AttendingNetwork:
    """Layers over a table, from the symbol read to the log-probabilities of the next.

    A full table is turned: its later half, a row more if rows are odd in number, is read again as
    the beginning of another.

    Attributes:
        symbols: Vector of each level, (levels, width).
        rows: Vector of each row of the table, (rows, width).
        columns: Vector of each of its columns, (columns, width).
        blocks: The layers, alike but for what they see.
        norm: What their outputs pass before the head.
        head: The last product.
        told: From channels of frames to what is added to a symbol's vector, or None.
        upsampling: Brings frames to the rate of the symbols, or None.
        levels: Number of levels.
        distribution: Makes distributions of log-probabilities (batch, time, levels).
        output: What the outputs are parameters of.
    """

    symbols: Tensor
    rows: Tensor
    columns: Tensor
    blocks: tuple[AttentionBlock, ...]
    norm: nn.LayerNorm
    head: tuple[Affine, ...]
    told: Affine | None
    upsampling: Upsampling | None
    levels: int
    distribution: Callable[[Tensor], Distribution]
    output: Literal["categorical"] = "categorical"


class AttendingModel(ABC):
    """A model whose states are `AttendingState`s, and whose step is that of its network."""

    @abstractmethod
    def attending_network(self) -> AttendingNetwork:
        """Return its parts, with the weights as they are now."""
