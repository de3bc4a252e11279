"""What users begin an expression with: `learn`, `learn_like`, `const`, `ref`."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from typica.core.errors import ExpressionError, did_you_mean
from typica.expressions.classes import expression_names
from typica.expressions.expression import (
    Constant,
    Expression,
    Learnt,
    Reference,
    from_array,
    refuse_snapshot,
)
from typica.expressions.initialise import Initialiser, glorot
from typica.expressions.paths import owner_of


def learn(
    *shape: Any,
    init: Initialiser | None = None,
    name: str | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    **tags: bool,
) -> Learnt:
    """Make a parameter to be learnt.

    Args:
        shape: Sizes, as `learn(500, 100)` or `learn((500, 100))`; or one tensor or array, the
            initial value: a parameter is taken as it is, another tensor is copied.
        init: From the shape to the initial value, `glorot()` where none is given.
        name: What it is called in `named_parameters` and in saved weights.
        dtype: Type of its numbers.
        device: Where it lies.
        tags: What it is, as `regularizable=False`: what is not said here, the expression says.
            `trainable=False` freezes it.

    Raises:
        ExpressionError: The tensor given is a snapshot, there are both a tensor and `init`, or
            the sizes are none.
    """
    first = shape[0] if len(shape) == 1 else shape
    if hasattr(first, "__array__") and not _is_whole(first):
        if init is not None:
            raise ExpressionError("learn takes an initial value or init, not both")
        parameter = _parameter(first, dtype, device)
    else:
        sizes = _sizes(first)
        initial = (init or glorot())(sizes).detach().to(dtype=dtype, device=device)
        if tuple(initial.shape) != sizes:
            raise ExpressionError(f"init gave {tuple(initial.shape)} when asked for {sizes}")
        parameter = nn.Parameter(initial)
    return _leaf(parameter, name, tags, taken=parameter is first)


def learn_like(
    tensor: Tensor, *, init: Initialiser | None = None, name: str | None = None, **tags: bool
) -> Learnt:
    """Make a parameter of a tensor's shape, type and device, that starts at its value or `init`."""
    initial = tensor.detach().clone() if init is None else init(tensor.shape).to(tensor)
    return _leaf(nn.Parameter(initial), name, tags)


def as_expression(
    x: Expression | Tensor | Sequence[int], init: Initialiser | None = None
) -> Expression:
    """Return an expression as it is; else a leaf that starts at a tensor, or is of a shape."""
    if isinstance(x, Expression):
        return x
    return learn_like(x) if isinstance(x, Tensor) else learn(x, init=init)


def const(value: Any, *, name: str | None = None, persistent: bool = True) -> Constant:
    """Make a constant: a buffer, which moves with the module and is never learnt.

    Args:
        value: Tensor, array or number; a tensor is taken as it is now, without its gradient's path.
        name: What it is called in `named_buffers` and in saved weights.
        persistent: Whether it is saved; a mask that the code can make again need not be.

    Raises:
        ExpressionError: The value is an expression.
    """
    if isinstance(value, Expression):
        raise ExpressionError(f"const takes numbers, and {value} is computed: use it as it is")
    if isinstance(value, Tensor):
        return Constant(value.detach().clone(), name, persistent)
    return Constant(from_array(value).clone(), name, persistent)


def ref(module: nn.Module, attribute: str, *, tie_keys: str = "both") -> Reference:
    """Refer to another module's parameter, buffer or expression, alive: it follows every change.

    Args:
        module: The other module.
        attribute: The name in it, or a path such as "layers.0.weight".
        tie_keys: "both" saves tied parameters under both names, as torch does; "source" under
            the other module's alone.

    Raises:
        ExpressionError: There is no such parameter, or it is lazy.
    """
    if tie_keys not in ("both", "source"):
        raise ExpressionError(f'tie_keys must be "both" or "source", got {tie_keys!r}')
    owner, name = owner_of(module, attribute)
    present = getattr(owner, name, None)
    if isinstance(present, Tensor) and is_lazy(present):
        raise ExpressionError(
            f"ref: {type(owner).__name__}.{name} is lazy and has no shape yet: call the module once"
            " to materialise it"
        )
    if not isinstance(present, Tensor):
        known = [key for key, _ in owner.named_parameters(recurse=False)]
        known += [key for key, _ in owner.named_buffers(recurse=False)]
        known += expression_names(owner)
        raise ExpressionError(
            f"ref: {type(owner).__name__} has no parameter {name!r}: {did_you_mean(name, known)}"
        )
    return Reference(owner, name, saved=tie_keys == "both")


def _sizes(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not all(_is_whole(size) and size >= 0 for size in sizes):
        raise ExpressionError(
            f"learn takes sizes, or an initial value as a tensor or an array: got {shape!r}"
        )
    return tuple(int(size) for size in sizes)


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _leaf(
    parameter: nn.Parameter, name: str | None, tags: dict[str, bool], taken: bool = False
) -> Learnt:
    check_tags(tags)
    if "trainable" in tags:
        parameter.requires_grad_(tags["trainable"])
    return Learnt(parameter, name, tags, settled=taken or "trainable" in tags)


def _parameter(
    value: Any, dtype: torch.dtype | None, device: torch.device | str | None
) -> nn.Parameter:
    if isinstance(value, nn.Parameter) and dtype is None and device is None:
        return value
    if isinstance(value, Tensor):
        refuse_snapshot(value, "learn")
    start = value.detach() if isinstance(value, Tensor) else from_array(value)
    start = start.clone().to(dtype=dtype, device=device)
    if not (start.is_floating_point() or start.is_complex()):
        raise ExpressionError(f"learn: whole numbers ({start.dtype}) cannot be learnt: use const")
    return nn.Parameter(start)


def check_tags(tags: dict[str, bool]) -> None:
    """Raise unless tags are true or false.

    Raises:
        ExpressionError: One is neither.
    """
    for tag, has in tags.items():
        if not isinstance(has, bool):
            raise ExpressionError(f"tag {tag!r} must be True or False, got {has!r}")
