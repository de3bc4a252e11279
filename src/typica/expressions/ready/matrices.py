"""Matrices of a kind: symmetric, semi-definite, triangular, circulant, and PLU products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Generator, Tensor, nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions.expression import Call, Expression
from typica.expressions.initialise import normal
from typica.expressions.inverses import exact
from typica.expressions.leaves import as_expression, const, learn_like
from typica.expressions.match import inverse_of

Diagonal = Literal["free", "unit", "positive"]


def symmetric(x: Expression | Tensor | Sequence[int]) -> Expression:
    """Make a matrix symmetric: (x + x') / 2.

    Args:
        x: Free (..., n, n): an expression, the tensor at which x starts, or the shape.

    Raises:
        ShapeError: It is not square.
    """
    free = _square(x, "symmetric")
    return (free + free.mT) / 2


def psd(x: Expression | Tensor | Sequence[int], jitter: float = 0.0) -> Expression:
    """Make a symmetric matrix with eigenvalues not below zero: x x' + jitter.

    Args:
        x: Free (..., n, rank): an expression, the tensor at which x starts, or the shape. Where the
            rank is below n the matrix, less the jitter, has that rank.
        jitter: Added to the diagonal: no eigenvalue is below, up to rounding.

    Raises:
        ShapeError: It has fewer than two dimensions.
        ExpressionError: The jitter is negative.
    """
    free = as_expression(x)
    if free.ndim < 2:
        raise ShapeError(f"psd: x must have shape (..., n, rank), got {tuple(free.shape)}")
    if jitter < 0:
        raise ExpressionError(f"psd: jitter must not be negative, got {jitter}")
    product = free @ free.mT
    return Call(raised, product, jitter) if jitter else product


def triangular(
    x: Expression | Tensor | Sequence[int], upper: bool = False, diagonal: Diagonal = "free"
) -> Expression:
    """Make a triangular matrix. The other triangle of x is not used and gets no gradient.

    Args:
        x: Free (..., n, n): an expression, the tensor at which x starts, or the shape.
        upper: Whether the upper triangle is kept, or the lower.
        diagonal: "free": that of x. "unit": ones, so that the determinant is 1. "positive": the
            exponential of that of x, so that the matrix is invertible and, lower, the Cholesky
            factor of its product with its transpose.

    Raises:
        ShapeError: It is not square.
        ExpressionError: There is no such `diagonal`.

    Source: for "positive", the log-Cholesky parameters of Pinheiro and Bates, 1996.
    """
    if diagonal not in ("free", "unit", "positive"):
        raise ExpressionError(
            f'triangular: diagonal must be "free", "unit" or "positive", got {diagonal!r}'
        )
    return Call(triangle, _square(x, "triangular"), upper, diagonal)


def circulant(row: Expression | Tensor | Sequence[int]) -> Expression:
    """Make a circulant matrix of its first row: entry (i, j) is row[(j - i) mod n].

    Times a signal it is the circular cross-correlation with the row: what a convolution of torch
    with circular padding does.

    Args:
        row: Free (..., n): an expression, the tensor at which it starts, or the shape, and it is
            drawn so that lengths stay what they are on average.

    Raises:
        ShapeError: It has no dimensions.
    """
    shape = tuple(row.shape if isinstance(row, Expression | Tensor) else row)
    if not shape:
        raise ShapeError("circulant: a row must have shape (..., n), got ()")
    free = as_expression(row, init=normal(0.0, shape[-1] ** -0.5))
    return Call(rolled, free)


class PLU(NamedTuple):
    """An invertible matrix and its determinant, two expressions of the same leaves.

    Attributes:
        weight: The matrix, of the shape of the weight that it was made of.
        log_abs_det: Logarithm of the determinant's absolute value, a scalar. A 1x1 convolution
            adds it once for each sample of time, or pixel.
    """

    weight: Expression
    log_abs_det: Expression


def plu(weight: Tensor | int, *, generator: Generator | None = None, **tags: bool) -> PLU:
    """Make an invertible matrix P L (U + diag(s)), for 1x1 convolutions in flows.

    The permutation P and the signs of s are constant; L is unit lower triangular and U strictly
    upper triangular, which with log |s| are learnt. The determinant costs a sum of n numbers.

    Args:
        weight: Where to start: (n, n) with any number of taps of size 1 behind, invertible; or n,
            and a rotation is drawn.
        generator: Source of randomness, where n is given.
        tags: Tags of the leaves.

    Raises:
        ShapeError: It is not square.
        ExpressionError: It is singular.

    Source: Kingma and Dhariwal, 2018, https://arxiv.org/abs/1807.03039, section 3.2.
    """
    if isinstance(weight, int):
        weight = nn.init.orthogonal_(torch.empty(weight, weight), generator=generator)
    start, shape = weight.detach(), tuple(weight.shape)
    if start.ndim < 2 or shape[0] != shape[1] or any(size != 1 for size in shape[2:]):
        raise ShapeError(f"plu: weight must have shape (n, n), got {shape}")
    permutation, lower, upper = torch.linalg.lu(exact(start.flatten(1)))
    pivots = upper.diagonal()
    least = torch.finfo(start.dtype).eps * pivots.abs().max()
    if not start.is_meta and pivots.abs().min() <= least:
        raise ExpressionError("plu: the weight is singular, and has no inverse")
    order = const(permutation.argmax(1).to(start.device), name="order")
    signs = const(pivots.sign().to(start), name="signs")
    said: dict[str, Any] = dict(tags)
    log_scale = learn_like(pivots.abs().log().to(start), name="log_scale", **said)
    left = learn_like(lower.tril(-1).to(start), name="lower", **said)
    right = learn_like(upper.triu(1).to(start), name="upper", **said)
    matrix: Expression = Call(plu_product, order, left, right, signs, log_scale)
    return PLU(matrix if len(shape) == 2 else matrix.reshape(shape), log_scale.sum())


def raised(square: Tensor, jitter: float) -> Tensor:
    """Add a number to the diagonal of a matrix (..., n, n)."""
    return square + jitter * torch.eye(square.shape[-1], dtype=square.dtype, device=square.device)


def triangle(x: Tensor, upper: bool, diagonal: Diagonal) -> Tensor:
    """Return a triangle (..., n, n), with a diagonal of a kind."""
    if diagonal == "free":
        return x.triu() if upper else x.tril()
    entries = x.diagonal(dim1=-2, dim2=-1)
    entries = torch.ones_like(entries) if diagonal == "unit" else entries.exp()
    return (x.triu(1) if upper else x.tril(-1)) + entries.diag_embed()


def rolled(row: Tensor) -> Tensor:
    """Return the circulant matrix (..., n, n) of a row (..., n)."""
    place = torch.arange(row.shape[-1], device=row.device)
    return row[..., (place - place[:, None]) % len(place)]


def plu_product(
    order: Tensor, lower: Tensor, upper: Tensor, signs: Tensor, log_scale: Tensor
) -> Tensor:
    """Return P L (U + diag(s)).

    Args:
        order: Which row of the product each row of the matrix is, (n,).
        lower: L below its diagonal of ones, (n, n).
        upper: U above the diagonal, (n, n).
        signs: Of s, (n,).
        log_scale: log |s|, (n,).
    """
    left = triangle(lower, False, "unit")
    return (left @ (upper.triu(1) + (signs * log_scale.exp()).diag()))[order]


@inverse_of(raised)
def _raised_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    return [raised(target, -args[1]), None]


@inverse_of(triangle)
def _triangle_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    x = target
    if args[2] == "positive":
        entries = target.diagonal(dim1=-2, dim2=-1)
        if entries.min() <= 0:
            raise ExpressionError(f"an entry of the diagonal is {entries.min():.3g}, not positive")
        x = target - entries.diag_embed() + entries.log().diag_embed()
    return [x, None, None]


@inverse_of(rolled)
def _rolled_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    place = torch.arange(target.shape[-1], device=target.device)
    # Row k holds what lies k to the right of the diagonal, all round.
    lines = target[..., place, (place + place[:, None]) % len(place)]
    return [lines.mean(-1)]


@inverse_of(plu_product)
def _plu_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    order, _, _, signs, _ = args
    rows = torch.empty_like(target)
    rows[order] = target
    lower, upper = _eliminated(rows)
    pivots = upper.diagonal()
    if not torch.equal(pivots.sign().to(signs), signs):
        raise ExpressionError("its permutation and signs are another weight's: use plu(weight)")
    return [None, lower.tril(-1), upper.triu(1), None, pivots.abs().log()]


def _eliminated(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the triangles of a matrix by elimination without pivoting, which torch has not."""
    upper = exact(matrix).clone()
    lower = torch.eye(len(upper), dtype=upper.dtype)
    for column in range(len(upper) - 1):
        factors = upper[column + 1 :, column] / upper[column, column]
        lower[column + 1 :, column] = factors
        upper[column + 1 :] -= factors[:, None] * upper[column]
    return lower, upper


def _square(x: Expression | Tensor | Sequence[int], name: str) -> Expression:
    free = as_expression(x)
    shape = tuple(free.shape)
    if len(shape) < 2 or shape[-2] != shape[-1]:
        raise ShapeError(f"{name}: x must have shape (..., n, n), got {shape}")
    return free
