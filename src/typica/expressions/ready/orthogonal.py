"""Orthogonal: a weight whose columns, or rows, are orthonormal; and other manifolds.

Each map takes a free leaf (rows, columns), rows >= columns, to orthonormal columns, and zero to the
first columns of the identity. The triangle below the diagonal of the leaf is used, which counts
just the degrees of freedom; the rest has no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn

from typica.core.errors import ExpressionError, MissingFeatureError, ShapeError, did_you_mean
from typica.expressions.expression import Call, Expression, expr
from typica.expressions.functions import called
from typica.expressions.leaves import const, learn
from typica.expressions.match import inverse_of


def orthogonal(
    x: Expression | Tensor | Sequence[int],
    map: Literal["exp", "cayley", "householder"] = "exp",
    *,
    generator: Generator | None = None,
) -> Expression:
    """Make a weight with orthonormal columns, or orthonormal rows if it is wide.

    A weight (outputs, inputs, ...) is seen as the matrix (outputs, inputs * ...). All maps take
    time of order rows * columns^2 and reach nearly every such matrix; of a square one the sign of
    the determinant stays what it is. Which to use:

    - "exp" reaches every one and keeps distances near the start: to begin with, and for recurrent
      weights.
    - "cayley" is a linear solve, the fastest by far; half turns from the start lie at infinity.
    - "householder", a product of reflections, does without exponentials and solves, and treats the
      columns one after the other; torch is slow to differentiate it.

    Args:
        x: A shape: the weight starts at an orthonormal matrix drawn evenly. A tensor: it starts at
            the nearest orthonormal one, which is the tensor itself if it is orthonormal. Or an
            expression, which is mapped as it is: zero to the identity.
        map: How a free matrix becomes an orthonormal one.
        generator: Source of randomness, where a shape is given.

    Raises:
        ShapeError: It has fewer than two dimensions.
        ExpressionError: There is no such map.

    Source: Lezcano-Casado, 2019, https://arxiv.org/abs/1909.09501 (the start as a base point);
    Helfrich et al., 2018, https://arxiv.org/abs/1707.09520 (Cayley); Mhammedi et al., 2017,
    https://arxiv.org/abs/1612.00188 (Householder). "exp" of a tall leaf turns the first columns
    into the others, then among themselves: exp([0, -W'; W, 0]) exp(S).
    """
    if map not in _MAPS:
        raise ExpressionError(f"orthogonal: no map {map!r}: {did_you_mean(map, _MAPS)}")
    shape = tuple(x.shape if isinstance(x, Expression | Tensor) else x)
    if len(shape) < 2:
        raise ShapeError(f"orthogonal: a weight needs rows and columns, got shape {shape}")
    if isinstance(x, Expression):
        return Call(orthonormal, x, None, None, map=map)
    like = x.detach() if isinstance(x, Tensor) else torch.empty(shape)
    if not isinstance(x, Tensor):
        nn.init.orthogonal_(like, generator=generator)
    base, turn = (None if part is None else const(part.to(like)) for part in _base(_tall(like)))
    return Call(orthonormal, learn(torch.zeros_like(like)), base, turn, map=map)


def orthonormal(x: Tensor, base: Tensor | None, turn: Tensor | None, map: str) -> Tensor:
    """Map a free matrix to an orthonormal one.

    Args:
        x: Free, (outputs, inputs, ...).
        base: Orthonormal, (rows, columns), of the greater and the lesser of outputs and inputs,
            its upper square symmetric and positive: where zero is mapped, before the turn.
        turn: Orthogonal, (columns, columns).
        map: "exp", "cayley" or "householder".
    """
    # In half precision nothing would be orthogonal.
    with _without_autocast(x.device.type):
        exact = x.float() if x.dtype.itemsize < 4 else x
        y = _MAPS[map](_tall(exact))
        if base is not None:
            y = _reflected(base.to(exact.dtype), y)
        if turn is not None:
            y = y @ turn.to(exact.dtype)
        # Exponentials of large leaves stray by up to 1e-2; two of Newton's steps bring them back.
        for _ in range(2):
            gram = y.mT @ y
            y = y @ (1.5 * _eye(gram) - 0.5 * gram)
        return _tall(y, like=x).reshape(x.shape).to(x.dtype)


def on_manifold(
    manifold: str | nn.Module, x: Expression | Tensor | Sequence[int], **settings: Any
) -> Expression:
    """Make a weight on one of geotorch's manifolds.

    The manifold's own constants become part of the module; they are saved with it. For matrices of
    more than two dimensions geotorch takes the last two, the others being a batch. Which to use:

    - "Sphere": rows of one length; as `normalised` of a direction, but by the sphere's own
      exponential, so that the step does not shrink as the leaf grows.
    - "SO", "Stiefel": as `orthogonal`, by exponentials of whole square matrices: slower if tall,
      but for a batch of matrices. "Grassmannian" is for losses that see only the span.
    - "LowRank", "FixedRank": with orthonormal factors and singular values; `low_rank` is cheaper,
      and is enough where the singular values are not looked at. FixedRank keeps them above zero.
    - "PSD", "PSSD", "PSSDLowRank", "PSSDFixedRank": by eigenvalues, positive or not negative;
      `w @ w.T` is cheaper.
    - "AlmostOrthogonal" (`lam=`): singular values in [1 - lam, 1 + lam].
    - "GLp": square and invertible; "SL": of determinant 1 too, but it cannot be pickled.
      "Hurwitz" (`alpha=`): of stable linear systems, from three leaves.

    Args:
        manifold: The name of a manifold of geotorch's, made of the shape and the settings; or one
            that has been made.
        x: A shape: the weight starts where the manifold draws it. A tensor on the manifold: it
            starts there. Or an expression, which is mapped as it is.
        settings: Of the manifold, such as `rank=4`, `triv="cayley"`, `radius=2.0`.

    Raises:
        MissingFeatureError: geotorch is not installed.
        ExpressionError: There is no such manifold, it cannot be of this shape, or the tensor is
            not on it.
    """
    shape = tuple(x.shape if isinstance(x, Expression | Tensor) else x)
    module: Any = manifold
    if isinstance(manifold, str):
        module = _manifold(manifold, shape, settings)
    elif settings:
        raise ExpressionError(f"on_manifold: {manifold} has been made, without {settings}")
    if isinstance(x, Expression):
        return expr(module, x)
    start = x.detach() if isinstance(x, Tensor) else module.sample()
    return expr(module, *(learn(leaf) for leaf in _inverted(module.to(start), start)))


def _inverted(module: Any, value: Tensor) -> list[Tensor]:
    """Return what a module maps to a value: a tensor, or several."""
    try:
        with torch.no_grad():
            leaves = module.right_inverse(value)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ExpressionError(
            f"{type(module).__name__} cannot give this value ({reason}): give it a shape, to begin"
            " at random"
        ) from error
    return [leaves] if isinstance(leaves, Tensor) else list(leaves)


def _manifold(name: str, shape: tuple[int, ...], settings: dict[str, Any]) -> nn.Module:
    try:
        geotorch = import_module("geotorch")
    except ImportError:
        raise MissingFeatureError("on_manifold", "geotorch", "manifolds") from None
    known = [key for key in geotorch.__all__ if hasattr(getattr(geotorch, key), "sample")]
    if name not in known:
        raise ExpressionError(f"on_manifold: no manifold {name!r}: {did_you_mean(name, known)}")
    try:
        return getattr(geotorch, name)(shape, **settings)
    except (ValueError, TypeError) as error:
        raise ExpressionError(f"on_manifold: {name} of shape {shape}: {error}") from error


def _exp(x: Tensor) -> Tensor:
    skew, rest = _parts(x)
    turn = torch.linalg.matrix_exp(skew)
    if not len(rest):
        return turn
    # exp([0, -1; G, 0]) has cos(sqrt G) and -sin(sqrt G) / sqrt G in its first row. Any other
    # scale than 1 cancels; this one evens the blocks out.
    gram = rest.mT @ rest
    scale = torch.linalg.matrix_norm(gram.detach()).sqrt().clamp(min=1)
    zero, eye = torch.zeros_like(gram), _eye(gram)
    rows = torch.cat([zero, -scale * eye], 1), torch.cat([gram / scale, zero], 1)
    cosine, sine = torch.linalg.matrix_exp(torch.cat(rows))[: len(gram)].chunk(2, 1)
    return torch.cat([cosine, rest @ sine / -scale]) @ turn


def _cayley(x: Tensor) -> Tensor:
    skew, rest = _parts(x / 2)
    eye, gram = _eye(skew), rest.mT @ rest
    # (1 - A)^-1 (1 + A) for A = [S, -W'; W, 0], its first columns, by elimination.
    top = torch.linalg.solve(eye - skew + gram, eye + skew - gram)
    return torch.cat([top, rest @ (eye + top)])


def _householder(x: Tensor) -> Tensor:
    below = x.tril(-1)
    return -torch.linalg.householder_product(below, 2 / (1 + below.square().sum(0)))


_MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    **{"exp": _exp, "cayley": _cayley, "householder": _householder}
}


def _parts(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the skew-symmetric matrix (columns, columns) and the rows below it."""
    square, rest = x[: x.shape[1]].tril(-1), x[x.shape[1] :]
    return square - square.mT, rest


def _tall(x: Tensor, like: Tensor | None = None) -> Tensor:
    """Return a weight as a tall matrix; or such a matrix as the weight was."""
    like = x if like is None else like
    x = x.flatten(1)
    return x.mT if len(like) < like[0].numel() else x


def _without_autocast(kind: str) -> AbstractContextManager[Any]:
    # On some devices, such as "meta", there is none to be switched off.
    has_any = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if has_any else nullcontext()


def _eye(like: Tensor) -> Tensor:
    return torch.eye(*like.shape, dtype=like.dtype, device=like.device)


def _reflected(base: Tensor, y: Tensor) -> Tensor:
    """Multiply by the symmetric orthogonal matrix whose first columns are the base."""
    mirror, columns = base + _eye(base), base.shape[1]
    square = base[:columns] + _eye(base[:columns])
    return mirror @ torch.linalg.solve(square, mirror.mT @ y) - y


def _base(start: Tensor) -> tuple[Tensor | None, Tensor]:
    """Return base and turn so that zero is mapped to what is orthonormal and nearest the start."""
    nearest = _polar(start.double())
    if len(start) == start.shape[1]:
        return None, nearest
    turn = _polar(nearest[: start.shape[1]])
    return nearest @ turn.mT, turn


def _polar(matrix: Tensor) -> Tensor:
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right


@inverse_of(orthonormal)
def _orthonormal_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Tensor | None]:
    _, base, turn, map = args
    y = _polar(_tall(target.double()))
    if turn is not None:
        y = y @ turn.double().mT
    if base is not None:
        y = _reflected(base.double(), y)
    leaf = _tall(_INVERSES[map](y), like=target).reshape(target.shape)
    return [leaf.to(target.dtype), None, None, None]


def _exp_inverse(y: Tensor) -> Tensor:
    columns = y.shape[1]
    left, cosine, right = torch.linalg.svd(y[:columns])
    turn = left @ right
    if len(y) > columns and torch.linalg.det(turn) < 0:
        # The least cosine becomes negative: that direction is turned by more than a quarter.
        cosine, turn = _last_negated(cosine), _last_negated(left) @ right
    sines = y[columns:] @ turn.mT @ left
    sine = torch.linalg.vector_norm(sines, dim=0)
    if sine[-1] == 0 and cosine[-1] < 0:
        sines[0, -1] = sine[-1] = 1e-16  # half a turn: any direction will do
    angle = torch.atan2(sine, cosine)
    rest = sines * torch.where(sine > 0, angle / sine, 1) @ left.mT
    return torch.cat([_log(turn), rest])


def _log(turn: Tensor) -> Tensor:
    """Return the skew-symmetric logarithm of a rotation."""
    cosine, planes = torch.linalg.eigh((turn + turn.mT) / 2)
    sines = (turn - turn.mT) / 2 @ planes
    sine = torch.linalg.vector_norm(sines, dim=0)
    halves = int(((sine < 1e-9) & (cosine < 0)).sum()) // 2 * 2
    # Half turns have no sine; their directions, which come first, are paired as they are.
    first, second = planes[:, 0:halves:2], planes[:, 1:halves:2]
    log = torch.pi * (second @ first.mT - first @ second.mT)
    factor = torch.where(sine > 1e-9, torch.atan2(sine, cosine) / sine, 1)
    return log + (sines * factor)[:, halves:] @ planes[:, halves:].mT


def _cayley_inverse(y: Tensor) -> Tensor:
    columns = y.shape[1]
    top, eye = y[:columns], _eye(y[:columns])
    inverse = torch.linalg.pinv(eye + top)
    rest = y[columns:] @ inverse
    return 2 * torch.cat([(top - eye + rest.mT @ y[columns:]) @ inverse, rest])


def _householder_inverse(y: Tensor) -> Tensor:
    y, leaf = y.clone(), torch.zeros_like(y)
    for column in range(y.shape[1]):
        normal = y[column:, column].clone()
        normal[0] += 1
        leaf[column + 1 :, column] = normal[1:] / normal[0]
        y[column:] -= torch.outer(normal, normal @ y[column:]) / normal[0]
    return leaf


def _last_negated(x: Tensor) -> Tensor:
    return torch.cat([x[..., :-1], -x[..., -1:]], -1)


_INVERSES: dict[str, Callable[[Tensor], Tensor]] = {
    **{"exp": _exp_inverse, "cayley": _cayley_inverse, "householder": _householder_inverse}
}


@inverse_of(called)
def _called_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Tensor | None]:
    """Invert a module that can, as torch's parametrizations and geotorch's manifolds."""
    module = args[0]
    if not hasattr(module, "right_inverse"):
        raise ExpressionError(f"{type(module).__name__} has no right_inverse")
    return [None, *_inverted(module, target)]
