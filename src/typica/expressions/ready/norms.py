"""Direction and length apart: weight normalisation, and vectors of length one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from typica.core.errors import ExpressionError
from typica.expressions.expression import Call, Expression
from typica.expressions.leaves import as_expression, learn_like
from typica.expressions.match import inverse_of


def normalised(
    direction: Expression | Tensor | Sequence[int],
    gain: Expression | Tensor | Sequence[int] | float | None = None,
    dim: int | Sequence[int] | None = 0,
) -> Expression:
    """Make a weight of a direction v and a length g: g v / |v|.

    Args:
        direction: Free, as the weight: an expression, the tensor at which it starts, or the shape.
        gain: Length: an expression, a tensor or a shape that is learnt, or a number; of size 1 in
            all dimensions but `dim`, as (outputs, 1, 1). None for vectors of length one.
        dim: The dimensions along which each entry has a length of its own: 0 for each output of a
            layer, as torch's `weight_norm`; None for one length of the whole weight.

    Returns:
        The weight. A direction of zero gives zero, with a finite gradient.

    Raises:
        ExpressionError: There is no such dimension, or the lengths are of another shape.

    Source: Salimans and Kingma, 2016, https://arxiv.org/abs/1602.07868, equation 2.
    """
    v = as_expression(direction)
    across = _across(v.ndim, dim)
    if gain is None:
        return Call(unit, v, across)
    number = isinstance(gain, int | float)
    length: Any = gain if number else as_expression(gain)  # type: ignore[arg-type]
    if not number:
        expected = tuple(1 if axis in across else size for axis, size in enumerate(v.shape))
        if tuple(length.shape) != expected:
            raise ExpressionError(
                f"normalised: gain must have shape {expected}, got {tuple(length.shape)}"
            )
    return Call(of_length, v, length, across)


def weight_norm(tensor: Tensor, dim: int | Sequence[int] | None = 0, **tags: bool) -> Expression:
    """Make a normalised weight, with leaves "direction" and "gain", that starts at a tensor.

    What is zero in it gets a direction of ones, and length zero, so that it can be learnt.

    Args:
        tensor: The weight.
        dim: As in `normalised`.
        tags: Tags of the leaves.

    Raises:
        ExpressionError: There is no such dimension.

    Source: Salimans and Kingma, 2016, https://arxiv.org/abs/1602.07868, equation 2.
    """
    start = tensor.detach()
    across = _across(start.ndim, dim)
    gain = _length(start, across)
    direction = torch.where(gain == 0, torch.ones_like(start), start)
    said: dict[str, Any] = dict(tags)
    v = learn_like(direction, name="direction", **said)
    return Call(of_length, v, learn_like(gain, name="gain", **said), across)


def unit(direction: Tensor, across: tuple[int, ...]) -> Tensor:
    """Divide by the length, taken across some dimensions."""
    length = _length(direction, across)
    # Where all is zero any other divisor will do: value zero, gradient finite.
    return direction / (length + (length == 0))


def of_length(direction: Tensor, gain: Tensor | float, across: tuple[int, ...]) -> Tensor:
    """Give a direction a length, taken across some dimensions."""
    length = _length(direction, across)
    return direction * (gain / (length + (length == 0)))


def _length(tensor: Tensor, across: tuple[int, ...]) -> Tensor:
    # Without dimensions torch would take all of them.
    return torch.linalg.vector_norm(tensor, dim=across, keepdim=True) if across else tensor.abs()


def _across(ndim: int, dim: int | Sequence[int] | None) -> tuple[int, ...]:
    """Return the dimensions over which a length is taken: all but some."""
    own = () if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if any(not -ndim <= axis < ndim for axis in own):
        raise ExpressionError(f"weight of {ndim} dimensions: there is no dimension {dim}")
    return tuple(axis for axis in range(ndim) if axis not in {axis % ndim for axis in own})


@inverse_of(unit)
def _unit_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    return [target, None]


@inverse_of(of_length)
def _of_length_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    direction, gain, across = args
    if free[0]:
        sign = 1.0 if free[1] else torch.as_tensor(gain, device=target.device).sign()
        lengths = _length(target, across)
        direction = torch.where(lengths == 0, direction, target * sign)
    if free[1]:
        along = target * unit(direction, across)
        gain = along.sum(across, keepdim=True) if across else along
    return [direction, gain, None]
