"""The classes of modules that have expressions: subclasses of their own, made once and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from typica.core.errors import ExpressionError
from typica.expressions.formula import SUFFIX


def expressed(original: type[nn.Module], names: tuple[str, ...]) -> type[nn.Module]:
    """Return the subclass of a module's class in which some parameters are computed.

    It has the name of the original, so that messages, tracers and users see what they know; it
    is pickled as the original and the names.
    """
    if (original, names) not in _MADE:
        _MADE[original, names] = _make(original, names)
    return _MADE[original, names]


def _make(original: type[nn.Module], names: tuple[str, ...]) -> type[nn.Module]:
    body: dict[str, Any] = {name: _property(name) for name in names}
    body |= {"__module__": original.__module__, "__qualname__": original.__qualname__}
    body |= {"__doc__": original.__doc__, "_original": original, "_expressions": names}
    if original.forward in TWO_STEPS:
        body["forward"] = TWO_STEPS[original.forward]

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        # Who makes another module of this one's type gets a plain one.
        become(self, original)
        self.__init__(*args, **kwargs)

    def register_parameter(self: Any, name: str, param: nn.Parameter | None) -> None:
        if name in names and name not in self._parameters:
            _refuse(self, name)
        super(cls, self).register_parameter(name, param)

    def reduce_ex(self: Any, protocol: Any) -> tuple[Any, ...]:
        make, args, *rest = super(cls, self).__reduce_ex__(protocol)
        args = tuple(original if arg is cls else arg for arg in args)
        return _rebuild, (original, names, make, args), *rest

    def recurrent_forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.__dict__["_read"] = _flat_weights(self)  # torch asks for them twice
        try:
            return super(cls, self).forward(*args, **kwargs)
        finally:
            self.__dict__.pop("_read", None)

    body |= {"__init__": init, "__reduce_ex__": reduce_ex}
    body |= {"register_parameter": register_parameter}
    if hasattr(original, "reset_parameters"):
        body["reset_parameters"] = _reset_parameters
    if issubclass(original, nn.RNNBase):
        body |= {**_RNN, "forward": recurrent_forward}
    metaclass: Any = type(original)
    cls = metaclass(original.__name__, (_Quiet, original), body)
    return cls


class _Quiet:
    """Keeps a class's own registration of subclasses from hearing of ours.

    It has a `__dict__`, as modules do, and must: Python exchanges classes of one layout only.
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        pass


def become(module: nn.Module, cls: type[nn.Module]) -> None:
    """Change a module's class, past any `__setattr__` of its own."""
    object.__setattr__(module, "__class__", cls)


def original_class(module: nn.Module) -> type[nn.Module]:
    """Return the class that a module had before its first expression."""
    # Not inherited: a class that torch derived from one of ours is an original itself.
    return type(module).__dict__.get("_original", type(module))


def expression_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters that a module's class computes."""
    return type(module).__dict__.get("_expressions", ())


def _property(name: str) -> property:
    key = name + SUFFIX

    def read(module: nn.Module) -> Tensor:
        formula = module._modules[key]
        try:
            return formula.value()  # type: ignore[union-attr, operator]
        except AttributeError as error:
            # Left as it is, Module.__getattr__ would say that there is no such parameter.
            raise ExpressionError(f"{formula.label}: {error}") from error  # type: ignore[union-attr]

    def write(module: nn.Module, value: Any) -> None:
        _refuse(module, name)

    return property(read, write)


def _refuse(module: nn.Module, name: str) -> None:
    raise ExpressionError(
        f"{type(module).__name__}.{name} is computed by {module._modules[name + SUFFIX]!r} and"
        f" cannot be assigned: use set_param, or remove(module, {name!r}) first"
    )


def _reset_parameters(module: nn.Module) -> None:
    name = expression_names(module)[0]
    raise ExpressionError(
        f"{type(module).__name__}.{name} is computed: reset_parameters would change a temporary;"
        f" initialise its leaves, by init= or those that get_params gives, or remove() first"
    )


def _rebuild(
    original: type[nn.Module], names: tuple[str, ...], make: Callable[..., Any], args: Any
) -> nn.Module:
    module = make(*args)
    become(module, expressed(original, names))
    return module


def _flat_weights(module: Any) -> list[Tensor | None]:
    return [getattr(module, name, None) for name in module._flat_weights_names]


# An RNN keeps a list of its weights, for cuDNN; computed ones must be read afresh each time.
_RNN: dict[str, Any] = {
    "_flat_weights": property(
        lambda module: module.__dict__.get("_read") or _flat_weights(module),
        lambda module, value: None,
    ),
    "_update_flat_weights": lambda module: None,
    "flatten_parameters": lambda module: None,
}

# Forward methods that take a product apart: ready/lowrank.py puts them here.
TWO_STEPS: dict[Callable[..., Any], Callable[..., Any]] = {}

_MADE: dict[tuple[type[nn.Module], tuple[str, ...]], type[nn.Module]] = {}
