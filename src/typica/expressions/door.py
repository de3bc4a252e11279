"""What is refused at the door, before a module is touched."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from typica.core.errors import ExpressionError, ShapeError, did_you_mean
from typica.expressions.classes import expression_names
from typica.expressions.expression import Part, Reference
from typica.expressions.formula import Formula, formula_of


def check_module(module: nn.Module, name: str) -> None:
    """Raise unless a module's parameter can be given an expression.

    Raises:
        ExpressionError: There is no such parameter, or the module is of a kind that refuses.
    """
    label = f"{type(module).__name__}.{name}"
    check_kind(module, label)
    present = module._parameters.get(name)
    if present is not None and is_lazy(present):
        raise ExpressionError(
            f"{label} is lazy and has no shape yet: call the module once to materialise it"
            " before set_param"
        )
    check_class(module, name)
    if f"{name}_g" in module._parameters and name not in module._parameters:
        raise ExpressionError(
            f"{label} has torch's old weight norm: remove_weight_norm first, then normalised()"
        )
    known = [*module._parameters, *module._buffers, *expression_names(module)]
    if name not in known:
        raise ExpressionError(
            f"{type(module).__name__} has no parameter {name!r}: {did_you_mean(name, known)}"
        )


def check_changes(module: nn.Module, name: str, label: str) -> None:
    """Raise if a module changes in place what would be computed.

    Raises:
        ExpressionError: It does.
    """
    if name == "weight" and getattr(module, "max_norm", None) is not None:
        raise ExpressionError(
            f"{label}: max_norm would change a computed weight in place: set it to None and use"
            " normalised()"
        )
    if isinstance(module, nn.modules.batchnorm._NormBase) and name in _STATISTICS:
        raise ExpressionError(
            f"{label}: training would change a computed statistic in place, and lose it: use"
            " track_running_stats=False"
        )


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def check_class(module: nn.Module, name: str) -> None:
    """Raise if others have derived a module's class from ours: theirs must be undone first.

    Raises:
        ExpressionError: They have: torch's parametrize, or FSDP.
    """
    if parametrize.is_parametrized(module):
        raise ExpressionError(
            f"{type(module).__name__}.{name}: the module has a torch parametrization, of"
            f" {', '.join(module.parametrizations)}: parametrize.remove_parametrizations first"  # type: ignore[arg-type]
        )
    if any("_expressions" in vars(base) for base in type(module).__mro__[1:]):
        derived = f"{type(module).__module__}.{type(module).__qualname__}"
        raise ExpressionError(
            f"{type(module).__name__}.{name}: the module's class was changed to {derived} after"
            " its expressions were set: undo that first"
        )


def check_kind(module: nn.Module, label: str) -> None:
    """Raise if a module's class cannot be changed in place.

    Raises:
        ExpressionError: It cannot.
    """
    names = {cls.__name__ for cls in type(module).__mro__}
    if isinstance(module, torch.jit.ScriptModule):
        raise ExpressionError(
            f"{label}: the module is scripted and its code is fixed: set expressions first, and"
            " use torch.compile or torch.export instead of torch.jit"
        )
    if "quantized" in type(module).__module__:
        raise ExpressionError(
            f"{label}: the module is quantised, its weight is packed: remove(..., keep='value')"
            " before quantising instead"
        )
    sharded = any(type(p).__name__ == "DTensor" for p in module._parameters.values())
    if sharded or names & {"FSDPModule", "FullyShardedDataParallel"}:
        raise ExpressionError(
            f"{label}: the module is sharded by FSDP, which expressions do not support: use DDP"
        )
    if _wrapped_already(module):
        raise ExpressionError(
            f"{label}: the module is wrapped by DistributedDataParallel already, which would not"
            " see the new parameters: set_param first, then wrap"
        )


def _wrapped_already(module: nn.Module) -> bool:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return False
    wrapper = nn.parallel.DistributedDataParallel
    # DDP leaves no trace in what it wraps.
    wrappers = [thing for thing in gc.get_objects() if issubclass(type(thing), wrapper)]
    return any(part is module for thing in wrappers for part in thing.modules())


def check_cycle(formula: Formula, module: nn.Module, name: str) -> None:
    """Raise if an expression refers, at last, to what it computes.

    Raises:
        ExpressionError: It does; the message names the way round.
    """
    way = _way_back(formula, (module, name), set())
    if way:
        raise ExpressionError(
            f"cycle: {' -> '.join([formula.label, *way])}; learn({name}) takes the parameter itself"
        )


def _way_back(formula: Formula, target: tuple[nn.Module, str], seen: set[int]) -> list[str] | None:
    """Return by which parameters an expression comes back to one, if it does."""
    for module, name in _read_by(formula):
        label = f"{type(module).__name__}.{name}"
        if (module, name) == target:
            return [label]
        other = formula_of(module, name)
        if other is None or id(other) in seen:
            continue
        seen.add(id(other))
        way = _way_back(other, target, seen)
        if way:
            return [label, *way]
    return None


def _read_by(formula: Formula) -> Iterator[tuple[nn.Module, str]]:
    """Yield the parameters that an expression reads: by reference, or by calling a module."""
    for leaf in formula.program.leaves:
        if isinstance(leaf, Reference):
            yield leaf.module, leaf.attribute
        elif isinstance(leaf, Part):
            for module in leaf.module.modules():
                names = (*module._parameters, *module._buffers, *expression_names(module))
                yield from ((module, name) for name in names)


def check_formula(formula: Formula, before: Tensor | None) -> None:
    """Raise unless a new expression's value can stand where `before` stood; warn if not finite.

    Raises:
        ShapeError: Its shape differs.
        ExpressionError: It cannot be evaluated, or has another type or device.
    """
    value = first_value(formula)
    check_value(value, before, formula.label)
    if not value.is_meta and not torch.isfinite(value).all():
        words = f"{formula.label}: expression is not finite at its first value"
        warnings.warn(words, stacklevel=4)


def first_value(formula: Formula) -> Tensor:
    """Evaluate a new expression once.

    Raises:
        ExpressionError: It cannot be evaluated, or is no tensor.
    """
    places = _places(formula)
    if len(set(places.values())) > 1:
        words = ", ".join(f"{key} on {device}" for key, device in places.items())
        raise ExpressionError(f"{formula.label}: leaves lie on different devices: {words}")
    try:
        with torch.no_grad():
            value = formula.evaluate()
    except Exception as error:  # whatever a user's function may raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExpressionError(
            f"{formula.label}: {formula!r} cannot be evaluated: {reason}"
        ) from error
    if not isinstance(value, Tensor):
        raise ExpressionError(
            f"{formula.label}: expression gives a {type(value).__name__}, not a tensor"
        )
    return value


def _places(formula: Formula) -> dict[str, torch.device]:
    """Where the leaves lie; torch lets scalars be anywhere."""
    leaves = {**formula._parameters, **formula._buffers}
    return {key: leaf.device for key, leaf in leaves.items() if leaf is not None and leaf.ndim}


def check_value(value: Tensor, before: Tensor | None, label: str) -> None:
    """Raise unless a value can stand where `before` stood.

    Raises:
        ShapeError: Its shape differs.
        ExpressionError: Its type or its device does.
    """
    if value.is_complex() and not (before is not None and before.is_complex()):
        raise ExpressionError(f"{label}: expression is complex; take .real or .abs() of it")
    if before is None:
        return
    if value.shape != before.shape:
        turned = value.shape == before.shape[::-1]
        raise ShapeError(
            f"{label}: expression gives {tuple(value.shape)}, the layer needs"
            f" {tuple(before.shape)}{'; did you forget .T?' if turned else ''}"
        )
    if value.dtype != before.dtype:
        raise ExpressionError(
            f"{label}: expression is {value.dtype}, the layer needs {before.dtype}:"
            " give its leaves that dtype"
        )
    if value.device != before.device:
        raise ExpressionError(
            f"{label}: expression lies on {value.device}, the layer on {before.device}:"
            " give its leaves that device, or move the model after set_param"
        )


def check_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    """Raise unless an optimiser holds a model's trainable parameters, and no others.

    An optimiser that was built before `set_param` goes on holding the parameters that were
    replaced, and trains nothing, silently.

    Raises:
        ExpressionError: It does not.
    """
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    needed = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    every = {id(p) for p in model.parameters()}
    missing = [name for key, name in needed.items() if key not in held]
    if held - every or missing:
        words = f"; it lacks {', '.join(missing[:3])}" if missing else ""
        raise ExpressionError(
            f"the optimiser holds {len(held - every)} parameters that the model does not"
            f" have{words}: build the optimiser after set_param"
        )
