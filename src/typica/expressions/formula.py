"""Formulas: expressions at work in a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor, nn

from typica.core.errors import ExpressionError
from typica.expressions.expression import Constant, Expression, Leaf, Learnt, Part, Reference
from typica.expressions.program import Program

SUFFIX = "_expr"  # a module's "weight" is computed by its submodule "weight_expr"

Kind = Literal["parameter", "buffer", "formula", "part", "elsewhere"]
Was = Literal["parameter", "buffer", "hidden buffer", "nothing"]


class Source(NamedTuple):
    """Where a formula reads a leaf.

    Attributes:
        kind: Its own parameters, its buffers, another formula, a module that is called; or
            "elsewhere": an attribute of another module that is not a parameter.
        key: The name under which it is registered.
        leaf: The leaf.
    """

    kind: Kind
    key: str
    leaf: Leaf


class Formula(nn.Module):
    """Computes one parameter of a module, from leaves that are registered here.

    A parameter that is referred to is registered here as well, the same object: whoever walks
    over parameters meets it once. Of an expression that is referred to a copy is a submodule,
    of the same leaves: one submodule in two places is more than `functional_call` can bear.

    Args:
        expression: What is computed.
        label: What for, as "Linear.weight".
        was: What it stands for in the module.
        copied: Whether it is such a copy; modules that it calls are then registered elsewhere.
    """

    def __init__(
        self, expression: Expression, label: str, was: Was = "parameter", copied: bool = False
    ) -> None:
        super().__init__()
        self.expression, self.label, self.was, self.copied = expression, label, was, copied
        self.program = Program(expression)
        # Caches and checks in force, the innermost last.
        self.readers: list[Callable[[Formula], Tensor]] = []
        self.sources: list[Source] = []
        # Tensors as they were when registered: what differs has been replaced since.
        self.records: dict[str, Tensor] = {}
        self.tie()
        self.register_state_dict_post_hook(_leave_to_source)

    def value(self) -> Tensor:
        """Return the parameter's value, through the cache or the check that is in force."""
        if torch.compiler.is_compiling() or not self.readers:
            return self.evaluate()
        return self.readers[-1](self)

    def evaluate(self) -> Tensor:
        """Compute the value from the leaves as they are now."""
        return self.program.run(self.leaf_values())

    def leaf_values(self) -> list[Any]:
        """Return the values of the leaves, those of other formulas through their own cache."""
        if not torch.compiler.is_compiling():
            self._follow()
        parameters, buffers, modules = self._parameters, self._buffers, self._modules
        values: list[Any] = []
        for kind, key, leaf in self.sources:
            if kind == "parameter":
                values.append(parameters[key])
            elif kind == "buffer":
                values.append(buffers[key])
            elif kind == "formula":
                values.append(modules[key].value())  # type: ignore[union-attr, operator]
            elif kind == "part":
                values.append(modules[key])
            elif isinstance(leaf, Part):
                values.append(leaf.module)
            else:
                values.append(getattr(leaf.module, leaf.attribute))
        return values

    def references(self) -> Iterator[Reference]:
        """Yield what the expression refers to in other modules."""
        return (leaf for leaf in self.program.leaves if isinstance(leaf, Reference))

    def refers_to(self, module: nn.Module, name: str) -> bool:
        """Whether the expression refers to a module's parameter."""
        return any(leaf.module is module and leaf.attribute == name for leaf in self.references())

    def tie(self) -> None:
        """Register the leaves, and whatever the references find now."""
        self._reconcile()
        for registered in (self._parameters, self._buffers, self._modules):
            registered.clear()
        self.records, self.sources = {}, []
        counts: Counter[str] = Counter()
        for leaf in self.program.leaves:
            word = _WORDS[type(leaf)]
            key = leaf.name or f"{word}{counts[word]}"
            counts[word] += 1
            if hasattr(self, key):
                raise ExpressionError(f"{self.label}: a leaf cannot be named {key!r}: it is taken")
            self.sources.append(Source(self._register(leaf, key), key, leaf))
        self._note()

    def _note(self) -> None:
        """Be found by whoever changes what is referred to."""
        if list(self.references()):
            _REFERRING.add(self)

    def _register(self, leaf: Leaf, key: str) -> Kind:
        if isinstance(leaf, Part):
            if self.copied:
                return "elsewhere"
            self.add_module(key, leaf.module)
            return "part"
        if isinstance(leaf, Reference):
            other = formula_of(leaf.module, leaf.attribute)
            if other is not None:
                self.add_module(key, Formula(other.expression, other.label, copied=True))
                return "formula"
        held = _held(leaf)
        if held is None:
            return "elsewhere"
        self.records[key] = held
        if isinstance(leaf, Constant):
            self.register_buffer(key, held, persistent=leaf.persistent)
            return "buffer"
        self.register_parameter(key, held)  # type: ignore[arg-type]
        return "parameter"

    def _follow(self) -> None:
        """Tie again where whoever shares a parameter has another one than was registered."""
        for kind, key, leaf in self.sources:
            if kind != "parameter":
                continue
            held = _held(leaf)
            if held is self._parameters[key] or held is self.records[key]:
                continue
            # What `functional_call` puts there for a moment is no parameter.
            if held is not None or leaf.attribute not in leaf.module._parameters:
                self.tie()
                return

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Module]]:
        """Yield as a module does; whoever lists parameters comes by here first."""
        if not torch.compiler.is_compiling():
            self._follow()
        return super().named_modules(*args, **kwargs)

    def _reconcile(self) -> None:
        """Let all who share a parameter hold the same one, whoever's was replaced."""
        for kind, key, leaf in self.sources:
            if key not in self.records:
                continue
            registered: dict[str, Any] = self._buffers if kind == "buffer" else self._parameters
            held = _held(leaf)
            if held is not None and held is not self.records[key]:
                registered[key] = held
            elif kind == "buffer" or isinstance(registered[key], nn.Parameter):
                _hold(leaf, registered[key])
            else:  # what `functional_call` puts there for a moment
                continue
            self.records[key] = registered[key]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Formula:
        self._reconcile()
        super()._apply(fn, recurse)
        self._reconcile()
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for key in self._left_to_source():
            part = {key: self._parameters[key]} if key in self._parameters else {}
            if key in self._modules:
                child = self._modules[key].state_dict(keep_vars=True)  # type: ignore[union-attr]
                part = {f"{key}.{name}": value for name, value in child.items()}
            for name, value in part.items():
                state_dict.setdefault(prefix + name, value)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._reconcile()

    def _left_to_source(self) -> list[str]:
        return [
            key for _, key, leaf in self.sources if isinstance(leaf, Reference) and not leaf.saved
        ]

    def __getstate__(self) -> dict[str, Any]:
        # A cached value has a gradient's path, which is neither copied nor saved.
        return {**self.__dict__, "readers": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._note()

    def __repr__(self) -> str:
        return repr(self.expression)


# How leaves without a name are called, with a number behind.
_WORDS: dict[type[Leaf], str]
_WORDS = {Learnt: "leaf", Constant: "const", Reference: "ref", Part: "part"}
_REFERRING: WeakSet[Formula] = WeakSet()


def formula_of(module: nn.Module, name: str) -> Formula | None:
    """Return the formula that computes a module's parameter, if one does."""
    formula = module._modules.get(name + SUFFIX)
    return formula if isinstance(formula, Formula) else None


def referring(module: nn.Module, name: str) -> list[Formula]:
    """Return the formulas that refer to a module's parameter."""
    return [formula for formula in _REFERRING if formula.refers_to(module, name)]


def tie_to(module: nn.Module, name: str) -> None:
    """Let every formula that refers to a parameter see what it has become."""
    for formula in referring(module, name):
        formula.tie()


def retie(model: nn.Module) -> None:
    """Register anew what the expressions of a model refer to.

    Reading a computed parameter and listing parameters do so by themselves; this is for compiled
    code, which does neither, after parameters were replaced by hand.
    """
    for module in model.modules():
        if isinstance(module, Formula):
            module.tie()


def _held(leaf: Leaf) -> Tensor | None:
    """Return the tensor that a leaf stands for, if it is a constant or a parameter now."""
    if isinstance(leaf, Constant):
        return leaf.tensor
    if isinstance(leaf, Learnt):
        return leaf.parameter
    assert isinstance(leaf, Reference)
    held = leaf.module._parameters.get(leaf.attribute)
    return held if isinstance(held, nn.Parameter) else None


def _hold(leaf: Leaf, tensor: Any) -> None:
    if isinstance(leaf, Constant):
        leaf.tensor = tensor
    elif isinstance(leaf, Learnt):
        leaf.parameter = tensor
    elif isinstance(leaf, Reference) and leaf.attribute in leaf.module._parameters:
        leaf.module._parameters[leaf.attribute] = tensor


def _leave_to_source(
    formula: nn.Module, state_dict: dict[str, Any], prefix: str, metadata: Any
) -> None:
    """Drop the keys of tied parameters that their own module saves."""
    assert isinstance(formula, Formula)
    for key in formula._left_to_source():
        for name in [n for n in state_dict if n == prefix + key or n.startswith(f"{prefix}{key}.")]:
            del state_dict[name]
