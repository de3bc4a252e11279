"""Images read in raster order, in blocks of any size, by networks that work on whole rows.

The channels of a pixel are read one after the other. A block of symbols is cut into rectangles of
pixels, each of which a network reads at once; what it remembers of them is a state.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core.errors import ShapeError


@dataclass(frozen=True)
class Raster:
    """Images, and how a network looks at them.

    Attributes:
        shape: Channels, height and width.
        levels: Of a value.
        first_kernel: Rows and columns of the first convolution, as if it were not masked.
        groups: Shares of the features, one a channel, of which each sees those before it; 1 where
            all channels of a pixel are told at once.
    """

    shape: tuple[int, int, int]
    levels: int
    first_kernel: int
    groups: int

    @property
    def reach(self) -> int:
        """Rows above a piece, and columns on its sides, that the first convolution sees."""
        return self.first_kernel // 2

    @property
    def planes(self) -> int:
        """What is drawn of a pixel: the value of each channel, and a one beside it."""
        return 2 * self.shape[0]

    def draw(self, symbols: Tensor, piece: Piece, dtype: torch.dtype) -> Tensor:
        """Draw what the first convolutions see: the rows of a piece and those above.

        Args:
            symbols: Of pixels from the first on, (batch, read); what is not read yet is drawn as
                level 0.
            piece: Whose rows are drawn.
            dtype: Of the planes.

        Returns:
            Values in [-1, 1] and ones, by channel, (batch, planes, rows, columns), with zeros
            where the image ends.
        """
        channels, _, width = self.shape
        top = max(piece.top - self.reach, 0)
        size = (piece.bottom - top) * width * channels
        block = symbols[:, top * width * channels :][:, :size]
        block = F.pad(block, (0, size - block.shape[1])).unflatten(1, (-1, width, channels))
        values = 2 * block.permute(0, 3, 1, 2).to(dtype) / (self.levels - 1) - 1
        planes = torch.stack([values, torch.ones_like(values)], 2).flatten(1, 2)
        return F.pad(planes, (self.reach, self.reach, top - piece.top + self.reach, 0))


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


class RasterState(NamedTuple):
    """What is remembered of images that are read in part.

    Attributes:
        symbols: All symbols read, the one before the first included, (batch, read).
        pixels: Pixels that `memory` holds.
        memory: Features that later pixels need.
        waiting: Outputs for the pixel of which some channels are still to come, (batch, 1,
            outputs); None where the next symbol begins a pixel, or is computed anew.
    """

    symbols: Tensor
    pixels: int
    memory: Any
    waiting: Tensor | None = None


class Outputs(NamedTuple):
    """What is said of the pixels that some symbols belong to.

    Attributes:
        values: Shape (batch, pixels, outputs).
        read: Those symbols of these pixels that are read, (batch, symbols).
        wanted: Which symbols of these pixels are meant.
    """

    values: Tensor
    read: Tensor
    wanted: slice

    def of_levels(self, channels: int) -> Tensor:
        """Return logits of each symbol's levels where all are told, (batch, symbols, levels)."""
        return self.values.unflatten(2, (channels, -1)).flatten(1, 2)[:, self.wanted]


class RasterNetwork(nn.Module, ABC):
    """A network that reads images piece after piece. What it is given is left as it was."""

    def __init__(self, raster: Raster) -> None:
        super().__init__()
        self.raster = raster

    @abstractmethod
    def enter(self, planes: Tensor, piece: Piece, memory: Any) -> Any:
        """Come down to the rows of a piece, where that has not happened; return the memory."""

    @abstractmethod
    def read(self, planes: Tensor, piece: Piece, memory: Any) -> tuple[Tensor, Any]:
        """Go along the rows of a piece: its features (batch, features, rows, columns), memory."""

    def open(self, count: int, memory: Any) -> RasterState:
        """Return the state before the first symbol of images."""
        device = next(self.parameters()).device
        return RasterState(torch.empty(count, 0, dtype=torch.long, device=device), 0, memory)

    def follow(
        self, head: Callable[[Tensor], Tensor], previous: Tensor, state: RasterState
    ) -> tuple[Outputs, RasterState]:
        """Read symbols, and tell what follows each of them.

        Args:
            head: From features (batch, features, rows, columns) to (batch, pixels, outputs).
            previous: Symbols (batch, block) that follow those of the state; nothing is read from
                the one before the first.
            state: Where it is.

        Raises:
            ShapeError: There are more symbols than an image has.
        """
        channels, _, width = self.raster.shape
        symbols = torch.cat([state.symbols, previous], 1)
        begin, end = state.symbols.shape[1], symbols.shape[1]
        if end > math.prod(self.raster.shape):
            length = math.prod(self.raster.shape)
            raise ShapeError(f"an image has {length} symbols; the next would be {end}")
        first, last = begin // channels, -(-end // channels)
        # With groups, features of a pixel are final when all its channels but the last are read.
        final = last if self.raster.groups == 1 else end // channels
        outputs = [] if state.waiting is None else [state.waiting]
        memory, dtype = state.memory, next(self.parameters()).dtype
        for piece in pieces(state.pixels, final, last, width):
            planes = self.raster.draw(symbols[:, 1:], piece, dtype)
            memory = self.enter(planes, piece, memory)
            features, after = self.read(planes, piece, memory)
            outputs.append(head(features))
            memory = after if piece.is_final else memory
        found = torch.cat(outputs, 1)
        waiting = found[:, -1:] if last * channels > end and final == last else None
        skipped = begin - first * channels
        read = symbols[:, 1 + first * channels :]
        told = Outputs(found, read, slice(skipped, skipped + end - begin))
        return told, RasterState(symbols, final, memory, waiting)


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
