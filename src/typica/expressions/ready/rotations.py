"""Rotated: a bank of filters that are rotations of a few, so that turning the image turns the maps.

Of 32 filters 8 are learnt, and what one of them finds is found at every angle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions.expression import Call, Expression
from typica.expressions.leaves import as_expression
from typica.expressions.match import inverse_of


def rotated(
    filters: Expression | Tensor | Sequence[int], copies: int = 4, *, mirrored: bool = False
) -> Expression:
    """Make a bank of filters out of rotations of a few.

    The outputs come in blocks, one for each copy, with all filters in each: output
    `copy * outputs + filter` is that filter turned counter-clockwise by `copy * 360 / copies`
    degrees; then come the copies of the filters mirrored left to right, turned likewise. Seen
    through the bank, an image turned by a copy's angle gives maps that are turned as well, and the
    blocks one further on. Where the bias is not learnt for each block, it is
    `learn(outputs).repeat(copies)`.

    Quarter turns are exact. Others are bilinear: smoothed, and with nothing outside the square, so
    that the corners are cut.

    Args:
        filters: (outputs, inputs, height, width): an expression, a shape or a tensor to be learnt.
        copies: Number of angles.
        mirrored: Whether there are mirrored copies too, twice as many in all.

    Returns:
        (copies * outputs, inputs, height, width), or twice as many if mirrored.

    Raises:
        ShapeError: Filters are not of four dimensions, are not square where they are turned by
            quarters, or not odd where they are turned by less.
        ExpressionError: There are no copies.
    """
    weight = as_expression(filters)
    shape = tuple(weight.shape)
    if copies < 1:
        raise ExpressionError(f"rotated: copies must be at least 1, got {copies}")
    if len(shape) != 4:
        raise ShapeError(f"rotated: filters are (outputs, inputs, height, width), got {shape}")
    if copies > 2 and shape[2] != shape[3]:
        raise ShapeError(f"rotated: {copies} copies need square filters, got {shape}")
    if copies not in (1, 2, 4) and shape[2] % 2 == 0:
        raise ShapeError(f"rotated: {copies} copies need filters of an odd size, got {shape}")
    return Call(bank, weight, copies, mirrored)


def bank(filters: Tensor, copies: int, mirrored: bool) -> Tensor:
    """Return filters (outputs, inputs, height, width) turned by several angles, one by one."""
    sides = [filters, filters.flip(-1)] if mirrored else [filters]
    return torch.cat([_turned(side, copy, copies) for side in sides for copy in range(copies)])


def _turned(filters: Tensor, copy: int, copies: int) -> Tensor:
    # Quarters are taken out, so that they are exact among any number of copies.
    quarters, rest = divmod(4 * copy, copies)
    if rest:
        filters = _resampled(filters, math.pi / 2 * rest / copies)
    return torch.rot90(filters, quarters, (-2, -1))


def _resampled(filters: Tensor, angle: float) -> Tensor:
    """Turn filters counter-clockwise by an angle in radians."""
    cosine, sine = math.cos(angle), math.sin(angle)
    where = filters.new_tensor([[cosine, -sine, 0], [sine, cosine, 0]])
    size = list(filters.shape)
    grid = F.affine_grid(where.expand(size[0], 2, 3), size, align_corners=True)
    return F.grid_sample(filters, grid, align_corners=True)


@inverse_of(bank)
def _bank_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Tensor | None]:
    _, copies, mirrored = args
    return [target[: len(target) // (copies * (1 + mirrored))], None, None]
