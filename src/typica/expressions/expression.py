"""Expressions: computations on leaves that are done afresh whenever their value is asked for.

Torch evaluates at once: `encoder.weight.T` is a tensor as soon as it is written, and stays what it
was then. An `Expression` only remembers what is to be done; operators, torch functions and
methods of tensors make larger expressions of it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from typica.core.errors import ExpressionError
from typica.expressions.functions import (
    called,
    function_name,
    importable,
    is_in_place,
    method_called,
)

_TENSORS = {"T", "mT", "H", "mH", "real", "imag"}  # attributes that are tensors themselves
_FACTS = {"shape", "ndim", "dtype", "device", "size", "dim", "numel"}  # known at once


class Expression:
    """What is to be computed: a leaf, or a function of other expressions.

    `shape`, `ndim`, `dtype` and `device` are those of the value now. An expression is never
    changed: methods in place are refused.
    """

    # NumPy then leaves `array * expression` to `__rmul__`.
    __array_ufunc__ = None

    def value(self) -> Tensor:
        """Return the value now: a tensor, with the path of its gradient to the leaves."""
        # A program is made of expressions, and an expression's value by a program.
        from typica.expressions.program import Program

        return Program(self).value()

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Expression:
        return expr(function, *args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        if name in _TENSORS:
            return Call(getattr, self, name)
        if name in _FACTS:
            with torch.no_grad():
                return getattr(self.value(), name)
        method = None if name.startswith("_") else getattr(Tensor, name, None)
        if not callable(method):
            raise AttributeError(f"an expression has no attribute {name!r}")
        return partial(expr, method, self)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Expression]:
        with torch.no_grad():
            count = len(self.value())
        return (self[index] for index in range(count))

    def __bool__(self) -> bool:
        raise ExpressionError(
            f"{self} is evaluated later and is neither true nor false: use torch.where,"
            " or .value() for what it is now"
        )

    def __getitem__(self, index: Any) -> Expression:
        return Call(operator.getitem, self, index)

    def __neg__(self) -> Expression:
        return Call(operator.neg, self)

    def __abs__(self) -> Expression:
        return Call(torch.abs, self)

    def __add__(self, other: Any) -> Expression:
        return Call(operator.add, self, other)

    def __radd__(self, other: Any) -> Expression:
        return Call(operator.add, other, self)

    def __sub__(self, other: Any) -> Expression:
        return Call(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Expression:
        return Call(operator.sub, other, self)

    def __mul__(self, other: Any) -> Expression:
        return Call(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Expression:
        return Call(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Expression:
        return Call(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return Call(operator.truediv, other, self)

    def __pow__(self, other: Any) -> Expression:
        return Call(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Expression:
        return Call(operator.pow, other, self)

    def __matmul__(self, other: Any) -> Expression:
        return Call(operator.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Expression:
        return Call(operator.matmul, other, self)

    def __mod__(self, other: Any) -> Expression:
        return Call(operator.mod, self, other)

    def __floordiv__(self, other: Any) -> Expression:
        return Call(operator.floordiv, self, other)

    def __and__(self, other: Any) -> Expression:
        return Call(operator.and_, self, other)

    def __or__(self, other: Any) -> Expression:
        return Call(operator.or_, self, other)

    def __invert__(self) -> Expression:
        return Call(operator.invert, self)

    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Expression:  # type: ignore[override]
        return Call(operator.eq, self, other)

    def __ne__(self, other: Any) -> Expression:  # type: ignore[override]
        return Call(operator.ne, self, other)

    def __lt__(self, other: Any) -> Expression:
        return Call(operator.lt, self, other)

    def __le__(self, other: Any) -> Expression:
        return Call(operator.le, self, other)

    def __gt__(self, other: Any) -> Expression:
        return Call(operator.gt, self, other)

    def __ge__(self, other: Any) -> Expression:
        return Call(operator.ge, self, other)


class Call(Expression):
    """A function of expressions and of plain arguments.

    Attributes:
        function: What is called.
        args: Its arguments: expressions, or anything else that holds no tensor.
        kwargs: Its arguments by name.
    """

    def __init__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        where = function_name(function)
        self.function = function
        self.args = tuple(as_argument(value, where) for value in args)
        self.kwargs = {name: as_argument(value, where) for name, value in kwargs.items()}

    def __repr__(self) -> str:
        return self.written(_DEEPEST)

    def written(self, depth: int) -> str:
        """Return the formula; of what lies deeper than so many calls, dots."""
        args = [_inner(value, depth) for value in self.args]
        sign = _SIGNS.get(self.function)
        if sign and len(args) == 2:
            return f"{args[0]} {sign} {args[1]}"
        if self.function is operator.neg:
            return f"-{args[0]}"
        if self.function is operator.getitem:
            return f"{args[0]}[{_index(self.args[1])}]"
        if self.function is getattr:
            return f"{args[0]}.{self.args[1]}"
        words = [_written(value, depth) for value in self.args]
        words += [f"{name}={_written(value, depth)}" for name, value in self.kwargs.items()]
        return f"{function_name(self.function)}({', '.join(words)})"

    def __getstate__(self) -> dict[str, Any]:
        # Flat: calls within calls would be pickled and copied as deep as they go.
        from typica.expressions.program import Program

        program = Program(self)
        return {"slots": [*program.leaves, *program.literals], "steps": program.steps}

    def __setstate__(self, state: dict[str, Any]) -> None:
        slots, calls = list(state["slots"]), [Call.__new__(Call) for _ in state["steps"][1:]]
        for call, step in zip([*calls, self], state["steps"], strict=True):
            values = [slots[place] for place in step.slots]
            first = len(values) - len(step.names)
            call.function, call.args = step.function, tuple(values[:first])
            call.kwargs = dict(zip(step.names, values[first:], strict=True))
            slots.append(call)


# Parts that are shared are written wherever they occur: twice as many at each call.
_DEEPEST = 8
_SIGNS = {
    **{operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/"},
    **{operator.matmul: "@", operator.pow: "**", operator.lt: "<", operator.le: "<="},
    **{operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!="},
    **{operator.mod: "%", operator.floordiv: "//", operator.and_: "&", operator.or_: "|"},
}


class Leaf(Expression):
    """Where an expression begins."""

    name: str | None = None


class Learnt(Leaf):
    """A parameter to be learnt.

    Attributes:
        parameter: The parameter.
        name: What it is called where it is registered.
        tags: What was said of this leaf; the expression's tags say the rest.
        settled: Whether it is decided if it is trained: True, by its maker; or the place of the
            first expression that was put to work with it.
    """

    def __init__(
        self,
        parameter: nn.Parameter,
        name: str | None = None,
        tags: dict[str, bool] | None = None,
        settled: bool | tuple[int, str] = True,
    ) -> None:
        self.parameter, self.name = parameter, _checked(name)
        self.tags, self.settled = tags or {}, settled

    def __repr__(self) -> str:
        return self.name or f"learn({_sizes(self.parameter)})"


class Constant(Leaf):
    """A tensor that is not learnt: it becomes a buffer.

    Attributes:
        tensor: The tensor.
        name: What it is called where it is registered.
        persistent: Whether it is saved with the module.
    """

    def __init__(self, tensor: Tensor, name: str | None = None, persistent: bool = True) -> None:
        self.tensor, self.name, self.persistent = tensor, _checked(name), persistent

    def __repr__(self) -> str:
        return self.name or f"const({_sizes(self.tensor)})"


class Reference(Leaf):
    """Another module's parameter, buffer or expression: whatever stands there when it is read.

    Attributes:
        module: The other module.
        attribute: The name in it.
        saved: Whether this module saves the tied parameters too.
    """

    def __init__(self, module: nn.Module, attribute: str, saved: bool) -> None:
        self.module, self.attribute, self.saved = module, attribute, saved

    def __repr__(self) -> str:
        return f"{type(self.module).__name__}.{self.attribute}"


class Part(Leaf):
    """A module that an expression calls; its own parameters are learnt too."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __repr__(self) -> str:
        return type(self.module).__name__


def expr(function: Callable[..., Any], /, *inputs: Any, **settings: Any) -> Expression:
    """Make an expression that calls any function, or a module.

    Args:
        function: Called with the values of the inputs; it returns a tensor, or several. A module
            is registered with the expression, so that its parameters are learnt. For a module
            to be pickled the function must be one that can be imported, not a lambda.
        inputs: Expressions, parameters (learnt), other tensors (constants), anything else.
        settings: More of them, by name.

    Raises:
        ExpressionError: An input is a snapshot, or the function works in place.
    """
    name = function_name(function)
    if is_in_place(function, name, settings):
        raise ExpressionError(
            f"{name} works in place, but an expression is not changed, only evaluated:"
            " use the function that returns a new tensor"
        )
    if isinstance(function, nn.Module):
        return Call(called, Part(function), *inputs, **settings)
    if isinstance(getattr(function, "__self__", None), nn.Module):
        return Call(method_called, Part(function.__self__), name, *inputs, **settings)  # type: ignore[attr-defined]
    return Call(importable(function), *inputs, **settings)


def as_argument(value: Any, where: str) -> Any:
    """Return an argument of a call, its tensors as leaves.

    Raises:
        ExpressionError: A tensor is a snapshot: computed from parameters, once and for all.
    """
    if isinstance(value, nn.Parameter):
        return Learnt(value)
    if isinstance(value, nn.Module):
        return Part(value)
    if isinstance(value, Tensor):
        refuse_snapshot(value, where)
        return Constant(value)
    if hasattr(value, "__array__") and not isinstance(value, Expression):
        return Constant(from_array(value))
    if type(value) in (list, tuple):
        items = [as_argument(item, where) for item in value]
        if any(isinstance(item, Expression) for item in items):
            return Call(_list if type(value) is list else _tuple, *items)
    if type(value) is dict:
        held = {key: as_argument(item, where) for key, item in value.items()}
        if any(isinstance(item, Expression) for item in held.values()):
            return Call(_dict, tuple(held), *held.values())
    return value


def refuse_snapshot(tensor: Tensor, where: str) -> None:
    """Raise if a tensor was computed from parameters.

    Raises:
        ExpressionError: It was.
    """
    base = tensor._base
    if tensor.grad_fn is None and not isinstance(base, nn.Parameter):
        return
    path = f" ({tensor.grad_fn.name()})" if tensor.grad_fn is not None else ""
    raise ExpressionError(
        f"{where}: got a tensor with a grad_fn{path}: it is a snapshot, computed once, that will"
        " not follow its parameters; wrap its inputs with learn() or ref() and pass an"
        " expression, such as ref(encoder, 'weight').T instead of encoder.weight.T"
    )


def from_array(array: Any) -> Tensor:
    """Return a NumPy array as a tensor; numbers with a point get torch's default type."""
    tensor = torch.as_tensor(array)
    return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor


def _list(*items: Any) -> list[Any]:
    return list(items)


def _tuple(*items: Any) -> tuple[Any, ...]:
    return items


def _dict(keys: tuple[Any, ...], *items: Any) -> dict[Any, Any]:
    return dict(zip(keys, items, strict=True))


def _written(value: Any, depth: int) -> str:
    if not isinstance(value, Call):
        return repr(value)
    return value.written(depth - 1) if depth else "..."


def _inner(value: Any, depth: int) -> str:
    text = _written(value, depth)
    is_compound = isinstance(value, Call) and value.function in _SIGNS and depth
    return f"({text})" if is_compound else text


def _index(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(_index(item) for item in index)
    if isinstance(index, slice):
        begin, end = ("" if bound is None else str(bound) for bound in (index.start, index.stop))
        return f"{begin}:{end}" + (f":{index.step}" if index.step else "")
    return "..." if index is Ellipsis else repr(index)


def _sizes(tensor: Tensor) -> str:
    return ", ".join(str(size) for size in tensor.shape)


def _checked(name: str | None) -> str | None:
    if name is not None and not name.isidentifier():
        raise ExpressionError(f"a leaf's name must be a word such as 'gain', got {name!r}")
    return name
