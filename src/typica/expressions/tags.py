"""Which parameters: by their tags, for optimisers, penalties and counts.

Source: `get_params` and `get_all_params` of Lasagne, whose rules hold here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from typica.core.errors import ExpressionError, did_you_mean
from typica.expressions.expression import Learnt, Part
from typica.expressions.formula import SUFFIX, Formula
from typica.expressions.stateless import WithParams

_USUAL = ("trainable", "regularizable")


class Place(NamedTuple):
    """A parameter of a module.

    Attributes:
        module: The module.
        name: The parameter's name in it.
        parameter: The parameter, what computes it, or a buffer that was given tags.
        tags: The tags it carries.
    """

    module: nn.Module
    name: str
    parameter: Tensor | Formula
    tags: frozenset[str]


def get_params(model: nn.Module, *, unwrap: bool = True, **tags: bool) -> list[Tensor]:
    """Return the parameters that carry some tags and do not carry others.

    Every parameter is trainable and regularizable unless it was said otherwise; biases are not
    regularizable, frozen ones not trainable.

    Args:
        model: A module, with all it holds.
        unwrap: Whether an expression counts as the parameters in it (what an optimiser takes),
            or as its value (what the layers see).
        tags: `regularizable=True`: must carry it; `regularizable=False`: must not.

    Returns:
        Each parameter once, in the order of the modules; those of an expression depth first,
        from left to right. They carry its tags, where they have not been given their own.

    Raises:
        ExpressionError: No parameter of the model carries such a tag.
    """
    if unwrap:
        found: list[tuple[Tensor | Formula, frozenset[str]]] = [
            (leaf, own) for place in places(model) for leaf, own in _leaves(place)
        ]
    else:
        found = [(place.parameter, place.tags) for place in places(model)]
    known = set(_USUAL).union(*(own for _, own in found))
    for tag in tags:
        if tag not in known:
            raise ExpressionError(f"no parameter carries the tag {tag!r}: {_choice(tag, known)}")
    wanted = {tag for tag, has in tags.items() if has}
    unwanted = set(tags) - wanted
    kept = {id(leaf): leaf for leaf, own in found if wanted <= own and not unwanted & own}
    return [leaf.value() if isinstance(leaf, Formula) else leaf for leaf in kept.values()]


def param_groups(
    model: nn.Module, settings: Mapping[str, Mapping[str, Any]], **tags: bool
) -> list[dict[str, Any]]:
    """Return parameter groups for an optimiser.

    Weight decay then acts on the leaves of expressions, not on their values: `penalty` has both.

    Args:
        model: A module, with all it holds.
        settings: Of each tag, what the optimiser is told of the parameters that carry it, as
            `{"regularizable": {"weight_decay": 1e-4}}`. Those of several tags get all.
        tags: Which parameters; the trainable ones where nothing is said.

    Raises:
        ExpressionError: No parameter of the model carries such a tag.
    """
    carriers = {tag: {id(p) for p in get_params(model, **{tag: True})} for tag in settings}
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for parameter in get_params(model, **(tags or {"trainable": True})):
        kinds = tuple(tag for tag in settings if id(parameter) in carriers[tag])
        if kinds not in groups:
            told = {key: value for tag in kinds for key, value in settings[tag].items()}
            groups[kinds] = {"params": [], **told}
        groups[kinds]["params"].append(parameter)
    return list(groups.values())


def penalty(
    model: nn.Module,
    norm: Callable[[Tensor], Tensor] | None = None,
    *,
    on: str = "leaves",
    **tags: bool,
) -> Tensor:
    """Return a penalty to add to a loss, summed over parameters.

    Args:
        model: A module, with all it holds.
        norm: From a tensor to a scalar; the sum of squares where none is given.
        on: "leaves": what is learnt, such as the logarithm of a positive weight, as weight decay
            does; "values": what the layers see.
        tags: Which parameters; the regularizable ones where nothing is said.

    Raises:
        ExpressionError: No parameter of the model carries such a tag.
    """
    if on not in ("leaves", "values"):
        raise ExpressionError(f'on must be "leaves" or "values", got {on!r}')
    chosen = get_params(model, unwrap=on == "leaves", **(tags or {"regularizable": True}))
    terms = [(norm or _squares)(parameter) for parameter in chosen]
    return torch.stack(terms).sum() if terms else torch.zeros(())


def places(model: nn.Module) -> Iterator[Place]:
    """Yield a model's parameters, in the order of its modules, but those that are replaced."""
    modules = list(_modules(model, set()))
    unused = {id(p) for part in modules if isinstance(part, WithParams) for p in part.replaced()}
    for module in modules:
        present = _present(module)
        # The order is of before the first expression; what was added stands at the end.
        for name in dict.fromkeys([*module.__dict__.get("_order", ()), *present]):
            parameter = present.get(name)
            if parameter is not None and id(parameter) not in unused:
                yield Place(module, name, parameter, _tags(module, name, parameter))


def _present(module: nn.Module) -> dict[str, Any]:
    """Return what a module has: parameters, formulas, and buffers that were given tags."""
    tagged = module.__dict__.get("_tags", {})
    formulas = {
        key.removesuffix(SUFFIX): child
        for key, child in module._modules.items()
        if isinstance(child, Formula)
    }
    buffers = {name: value for name, value in module._buffers.items() if tagged.get(name)}
    return {**module._parameters, **formulas, **buffers}


def _modules(module: nn.Module, seen: set[int]) -> Iterator[nn.Module]:
    """Yield a module and those in it, but not the formulas."""
    if id(module) in seen or isinstance(module, Formula):
        return
    seen.add(id(module))
    yield module
    for child in module.children():
        yield from _modules(child, seen)


def _tags(module: nn.Module, name: str, parameter: Tensor | Formula) -> frozenset[str]:
    is_buffer = name in module._buffers
    last = parameter.label.rpartition(".")[2] if isinstance(parameter, Formula) else name
    said = dict(module.__dict__.get("_tags", {}).get(name, {}))
    usual = {
        "trainable": not is_buffer,
        "regularizable": not (is_buffer or "bias" in last.split("_")),
    }
    if isinstance(parameter, Tensor):
        # Of an ordinary parameter torch's own flag decides, whoever set it last.
        said["trainable"] = parameter.requires_grad
    return frozenset(tag for tag, has in {**usual, **said}.items() if has)


def _leaves(place: Place) -> Iterator[tuple[Tensor, frozenset[str]]]:
    if isinstance(place.parameter, Tensor):
        yield place.parameter, place.tags
    else:
        yield from _formula_leaves(place.parameter, place.tags)


def _formula_leaves(
    formula: Formula, tags: frozenset[str]
) -> Iterator[tuple[Tensor, frozenset[str]]]:
    for kind, key, leaf in formula.sources:
        if kind == "formula":
            yield from _formula_leaves(formula.get_submodule(key), tags)  # type: ignore[arg-type]
        elif isinstance(leaf, Part):
            for place in places(leaf.module):
                # The expression's tags, less the usual ones that a part's own parameter lacks.
                less = tags - (set(_USUAL) - place.tags)
                for inner, own in _leaves(place):
                    yield inner, less | (own - set(_USUAL))
        elif kind == "parameter":
            said = leaf.tags if isinstance(leaf, Learnt) else {}
            without = tags - {tag for tag, has in said.items() if not has}
            with_ = without | {tag for tag, has in said.items() if has}
            parameter = formula.get_parameter(key)
            yield parameter, _if_trained(parameter, with_)


def _if_trained(parameter: nn.Parameter, tags: frozenset[str]) -> frozenset[str]:
    return tags if parameter.requires_grad else tags - {"trainable"}


def _choice(tag: str, known: set[str]) -> str:
    return f"{did_you_mean(tag, known)} (there are {', '.join(sorted(known))})"


def _squares(parameter: Tensor) -> Tensor:
    return parameter.square().sum()
