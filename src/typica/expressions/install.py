"""Expressions put into modules, and taken out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from typica.core.errors import ExpressionError
from typica.expressions.classes import become, expressed, expression_names, original_class
from typica.expressions.door import (
    check_changes,
    check_class,
    check_cycle,
    check_formula,
    check_kind,
    check_module,
    check_value,
)
from typica.expressions.expression import Expression, Learnt, from_array, refuse_snapshot
from typica.expressions.formula import SUFFIX, Formula, Was, formula_of, referring, tie_to
from typica.expressions.leaves import check_tags
from typica.expressions.paths import owner_of


def set_param(module: nn.Module, name: str, value: Any, **tags: bool) -> None:
    """Make a module's parameter what you like: a value, an initialiser or an expression.

    The module is changed in place and stays an instance of its class. Reading the parameter then
    evaluates the expression; it is evaluated once here, to be checked. Build optimisers, and wrap
    by DDP, afterwards.

    Args:
        module: Any module but a scripted, quantised or sharded one.
        name: Its parameter or buffer, or the path of one inside, such as "encoder.weight".
        value: An expression; a parameter, taken as it is; a tensor, array or number, the
            initial value; a function from the shape to any of these.
        tags: What the parameter is, such as `regularizable=False`, for `get_params`. The leaves
            of the expression are tagged alike where they do not say otherwise.

    Raises:
        ShapeError: The value has another shape than the parameter.
        ExpressionError: It has another type or device, is a snapshot, cannot be evaluated or
            refers to itself; there is no such parameter; or the module is of a kind that refuses.
            The module is then as it was.
    """
    check_tags(tags)
    module, name = owner_of(module, name)
    check_module(module, name)
    before = _present(module, name)
    if callable(value) and not isinstance(value, Expression | Tensor):
        value = _drawn(value(_shape(before, module, name)), before)
    if isinstance(value, Expression):
        _install(module, name, value, before)
    else:
        label = f"{type(module).__name__}.{name}"
        _assign(module, name, _initial(value, before, label), label)
    _tag(module, name, tags)


def add_param(
    module: nn.Module, name: str, value: Any, shape: Sequence[int] = (), **tags: bool
) -> None:
    """Give a module one more parameter: a value, an initialiser or an expression.

    Args:
        module: The module.
        name: A new name.
        value: As in `set_param`.
        shape: For a number and for an initialiser.
        tags: As in `set_param`.

    Raises:
        ExpressionError: The name is taken, or the value is refused as by `set_param`.
    """
    check_tags(tags)
    label = f"{type(module).__name__}.{name}"
    check_kind(module, label)
    if hasattr(module, name) or not name.isidentifier():
        raise ExpressionError(f"{type(module).__name__} cannot have a new parameter {name!r}")
    if callable(value) and not isinstance(value, Expression | Tensor):
        value = value(tuple(shape))
    if not isinstance(value, Expression):
        start = _initial(value, torch.empty(tuple(shape)), label, exact=False)
        module.register_parameter(name, _as_parameter(start, label))
    elif isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        raise ExpressionError(
            f"{type(module).__name__} would take the leaves of {name!r} for a layer: give the"
            " parameter to a module that holds it"
        )
    else:
        _install(module, name, value, None, "nothing")
    _tag(module, name, tags)


def remove(
    module: nn.Module, name: str, *, keep: Literal["value", "leaves"] = "value"
) -> Expression:
    """Take an expression out of a module again.

    Args:
        module: The module.
        name: Its parameter, or the path of one inside.
        keep: "value" bakes the value it has now into an ordinary parameter (or a buffer, if it
            was one); "leaves" leaves none, so that the expression can go elsewhere.

    Returns:
        The expression.

    Raises:
        ExpressionError: The parameter is not computed.
    """
    if keep not in ("value", "leaves"):
        raise ExpressionError(f'keep must be "value" or "leaves", got {keep!r}')
    module, name = owner_of(module, name)
    formula = _formula(module, name)
    check_class(module, name)
    if keep == "leaves":
        _check_unreferred(module, name, formula)
    # Whoever calls may have switched gradients off: the baked parameter is to be trained.
    with torch.inference_mode(False), torch.enable_grad():
        value = formula.evaluate()
    del module._modules[name + SUFFIX]
    names = tuple(other for other in expression_names(module) if other != name)
    plain = original_class(module)
    become(module, expressed(plain, names) if names else plain)
    _register(module, name, value if keep == "value" else None, formula.was)
    _in_order(module)
    tie_to(module, name)
    return formula.expression


def get_expression(module: nn.Module, name: str) -> Expression:
    """Return the expression that computes a parameter.

    Raises:
        ExpressionError: The parameter is not computed.
    """
    return _formula(*owner_of(module, name)).expression


def value(module: nn.Module, name: str) -> Tensor:
    """Return a parameter's value, computed or not."""
    module, name = owner_of(module, name)
    return getattr(module, name)


def _present(module: nn.Module, name: str) -> Tensor | None:
    formula = formula_of(module, name)
    if formula is None:
        return module._parameters[name] if name in module._parameters else module._buffers[name]
    if formula.was == "nothing":
        return None
    with torch.no_grad():
        return formula.evaluate()


def _shape(before: Tensor | None, module: nn.Module, name: str) -> torch.Size:
    if before is None:
        raise ExpressionError(
            f"{type(module).__name__}.{name} is None: an initialiser needs a shape, give a value"
        )
    return before.shape


def _install(
    module: nn.Module,
    name: str,
    expression: Expression,
    before: Tensor | None,
    was: Was | None = None,
) -> None:
    """Check everything, then change the module."""
    label, earlier = f"{type(module).__name__}.{name}", formula_of(module, name)
    if was is None:
        was = earlier.was if earlier else _kind(module, name)
    if earlier is None and hasattr(module, name + SUFFIX):
        raise ExpressionError(f"{label}: {name + SUFFIX} is taken, where the leaves would go")
    check_changes(module, name, label)
    formula = Formula(expression, label, was)
    check_cycle(formula, module, name)
    check_formula(formula, before)
    if not expression_names(module):
        module.__dict__["_order"] = (*module._parameters, *module._buffers)
    module._parameters.pop(name, None)
    module._buffers.pop(name, None)
    module._non_persistent_buffers_set.discard(name)
    module.__dict__.pop("_flat_weights", None)
    names = {*expression_names(module), name}
    become(module, expressed(original_class(module), tuple(sorted(names))))
    module._modules[name + SUFFIX] = formula
    tie_to(module, name)


def _kind(module: nn.Module, name: str) -> Was:
    if name not in module._buffers:
        return "parameter"
    return "hidden buffer" if name in module._non_persistent_buffers_set else "buffer"


def _assign(module: nn.Module, name: str, start: Tensor, label: str) -> None:
    parameter = None if name in module._buffers else _as_parameter(start, label)
    if formula_of(module, name) is not None:
        remove(module, name)
    if parameter is None or name in module._buffers:
        module._buffers[name] = start.detach()
    else:
        setattr(module, name, parameter)
    tie_to(module, name)


def _drawn(value: Any, before: Tensor | None) -> Any:
    """Give what an initialiser drew the type and the place of the parameter."""
    is_drawn = isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
    return value.to(before) if is_drawn and before is not None and value.is_leaf else value


def _initial(given: Any, before: Tensor | None, label: str, exact: bool = True) -> Tensor:
    """Return a tensor with the value given, of the type and on the device of the one before."""
    like = torch.empty(()) if before is None else before
    if isinstance(given, nn.Parameter):
        start: Tensor = given
    elif isinstance(given, Tensor):
        refuse_snapshot(given, label)
        start = given.detach().clone()
    elif isinstance(given, bool | int | float):
        start = torch.full_like(like.detach(), given)
    elif hasattr(given, "__array__"):
        start = from_array(given).clone().to(like.dtype).to(like.device)
    else:
        raise ExpressionError(
            f"{label}: got a {type(given).__name__}; give a number, a tensor, an initialiser or"
            " an expression"
        )
    check_value(start, before if exact else None, label)
    return start


def _as_parameter(start: Tensor, label: str) -> nn.Parameter:
    if isinstance(start, nn.Parameter):
        return start
    if not (start.is_floating_point() or start.is_complex()):
        raise ExpressionError(f"{label}: whole numbers ({start.dtype}) cannot be a parameter")
    return nn.Parameter(start)


def _tag(module: nn.Module, name: str, tags: dict[str, bool]) -> None:
    """Remember the tags; what an expression calls untrainable, its own new leaves are."""
    module.__dict__.setdefault("_tags", {})[name] = tags
    formula, parameter = formula_of(module, name), module._parameters.get(name)
    place = id(module), name
    if parameter is not None and "trainable" in tags:
        parameter.requires_grad_(tags["trainable"])
    for leaf in formula.program.leaves if formula else ():
        if isinstance(leaf, Learnt) and leaf.settled in (False, place):
            if "trainable" in tags or not leaf.settled:
                leaf.parameter.requires_grad_(tags.get("trainable", True))
            leaf.settled = place


def _check_unreferred(module: nn.Module, name: str, formula: Formula) -> None:
    others = [other.label for other in referring(module, name)]
    if others:
        raise ExpressionError(
            f"{formula.label} is referred to by {', '.join(others)}: remove that first, or keep"
            " the value"
        )


def _register(module: nn.Module, name: str, value: Tensor | None, was: Was) -> None:
    """Register what takes the place of an expression: its value, or nothing."""
    if "buffer" in was:
        baked = None if value is None else _baked(value)
        module.register_buffer(name, baked, persistent=was == "buffer")
    elif value is not None:
        module.register_parameter(name, nn.Parameter(_baked(value), value.requires_grad))
    elif was == "parameter":
        module.register_parameter(name, None)


def _formula(module: nn.Module, name: str) -> Formula:
    formula = formula_of(module, name)
    if formula is None:
        raise ExpressionError(f"{type(module).__name__}.{name} is not computed by an expression")
    return formula


def _baked(value: Tensor) -> Tensor:
    # Strides are kept: on a transposed copy a layer gives the same bits, on another it may not.
    return value.detach().clone()


def _in_order(module: nn.Module) -> None:
    """Put parameters back where they stood, since optimisers number them."""
    both: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
    for registered in both:
        for name in module.__dict__.get("_order", ()):
            if name in registered:
                registered[name] = registered.pop(name)
    if not expression_names(module):
        module.__dict__.pop("_order", None)
        if isinstance(module, nn.RNNBase):
            module._init_flat_weights()
