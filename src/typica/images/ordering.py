"""Orders in which the values of an image can be drawn: row by row, by slices, and by bits.

Source: Menick and Kalchbrenner, 2018, https://arxiv.org/abs/1812.01608, sections 3.1 to 3.3. Slice
(a, b) of factor S holds the pixels (S row + a, S column + b): a small image of the whole. The first
slice alone is what that paper calls size upscaling's small image, and the first bits of all pixels
are depth upscaling's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError


def slices(images: Tensor, factor: int) -> Tensor:
    """Cut images into interleaved slices.

    Args:
        images: Shape (batch, channels, height, width); height and width are multiples of `factor`.
        factor: Slices on a side.

    Returns:
        Shape (batch, factor ** 2, channels, height / factor, width / factor): slice (a, b) stands
        at a * factor + b.
    """
    blocks = images.unflatten(3, (-1, factor)).unflatten(2, (-1, factor))
    return blocks.permute(0, 3, 5, 1, 2, 4).flatten(1, 2)


def unslice(sliced: Tensor, factor: int) -> Tensor:
    """Put slices together: the inverse of `slices`."""
    blocks = sliced.unflatten(1, (factor, factor))
    return blocks.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)


def split_bits(levels: Tensor, last: int) -> tuple[Tensor, Tensor]:
    """Part whole numbers from 0 into their most significant bits and the `last` least ones.

    Samples with a sign are given an offset before: the bits of two's complement are no small
    differences below zero.
    """
    return levels >> last, levels & ((1 << last) - 1)


def join_bits(first: Tensor, last: Tensor, bits: int) -> Tensor:
    """Put bits together, of which the least significant are `bits`: the inverse of `split_bits`."""
    return (first << bits) + last


@dataclass(frozen=True)
class Ordering:
    """Slices in raster order, inside each its pixels in raster order, inside each its channels.

    With several parts of a value (its first bits, its others), all of the image is gone through
    for the first part, then for the next.

    Attributes:
        shape: Channels, height and width of an image.
        factor: Slices on a side; 1 is raster order.
        parts: Parts of a value.
    """

    shape: tuple[int, int, int]
    factor: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if min(*self.shape, self.factor, self.parts) < 1:
            raise ConfigError(f"an ordering's sizes must be at least 1, got {self}")
        for size in self.shape[1:]:
            if size % self.factor:
                raise ConfigError(
                    f"an image of {self.shape[1]}x{self.shape[2]} pixels cannot be cut into "
                    f"{self.factor}x{self.factor} slices of one size"
                )

    @property
    def slice_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a slice."""
        channels, height, width = self.shape
        return channels, height // self.factor, width // self.factor

    @property
    def slice_length(self) -> int:
        """Symbols of a slice, of one part of its values."""
        return math.prod(self.slice_shape)

    @property
    def length(self) -> int:
        """Symbols of an image."""
        return self.parts * math.prod(self.shape)

    @cached_property
    def order(self) -> Tensor:
        """Which value stands at each rank, (length,): an index of (parts, channels, height, width).

        The inverse of `rank`.
        """
        size = math.prod(self.shape)
        sliced = slices(torch.arange(size).view(1, *self.shape), self.factor)[0]
        once = sliced.permute(0, 2, 3, 1).flatten()
        return torch.cat([once + part * size for part in range(self.parts)])

    @cached_property
    def rank(self) -> Tensor:
        """The rank of each value, (parts, channels, height, width)."""
        return self.order.argsort().view(self.parts, *self.shape)

    def arrange(self, values: Tensor) -> Tensor:
        """Write values (batch, parts, channels, height, width) in order, (batch, length).

        Raises:
            ShapeError: They are others.
        """
        if values.shape[1:] != (self.parts, *self.shape):
            wanted, got = (self.parts, *self.shape), tuple(values.shape)
            raise ShapeError(f"values must have shape (batch, *{wanted}), got {got}")
        return values.flatten(1)[:, self.order.to(values.device)]

    def restore(self, symbols: Tensor) -> Tensor:
        """Bring symbols (batch, length) back to their places: the inverse of `arrange`.

        Raises:
            ShapeError: They are not those of whole images.
        """
        if symbols.shape[1:] != (self.length,):
            got = tuple(symbols.shape)
            raise ShapeError(f"symbols must have shape (batch, {self.length}), got {got}")
        rank = self.rank.flatten().to(symbols.device)
        return symbols[:, rank].view(len(symbols), self.parts, *self.shape)

    def slice_of(self) -> Tensor:
        """Return the slice that each pixel belongs to, (height, width)."""
        _, height, width = self.shape
        rows, columns = torch.arange(height) % self.factor, torch.arange(width) % self.factor
        return rows[:, None] * self.factor + columns
