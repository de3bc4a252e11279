"""Functions that expressions call: what they are named, whether they can be pickled."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn


class TorchFunction:
    """One of torch's functions that pickle does not find by the name it bears.

    Args:
        home: Where it is: a key of `_HOMES`.
        name: Its name there.
    """

    def __init__(self, home: str, name: str) -> None:
        self.home, self.__name__ = home, name
        self.function = getattr(_HOMES[home], name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return TorchFunction, (self.home, self.__name__)


_HOMES = {"Tensor": Tensor, "functional": torch.nn.functional, "torch": torch}


def importable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as something that can be pickled, where it is one of torch's wrappers."""
    path = getattr(function, "__qualname__", "")
    if not isinstance(function, FunctionType) or "." not in path:
        return function
    for home, holder in _HOMES.items():
        for name in dir(holder):
            if getattr(holder, name, None) is function:
                return TorchFunction(home, name)
    return function


def is_in_place(function: Callable[..., Any], name: str, settings: dict[str, Any]) -> bool:
    """Whether a function changes what it is given."""
    if isinstance(function, nn.Module):
        return any(getattr(part, "inplace", False) for part in function.modules())
    if settings.get("out") is not None or settings.get("inplace"):
        return True
    return name in _IN_PLACE if name.startswith("__") else name.endswith("_")


_IN_PLACE = {"__setitem__", "__delitem__"}
_IN_PLACE |= {f"__i{sign}__" for sign in ("add", "sub", "mul", "truediv", "pow", "matmul", "mod")}


def method_called(module: nn.Module, name: str, *inputs: Any, **settings: Any) -> Any:
    """Call a method of a module that is part of an expression."""
    return getattr(module, name)(*inputs, **settings)


def called(module: nn.Module, *inputs: Any, **settings: Any) -> Any:
    """Call a module that is part of an expression."""
    return module(*inputs, **settings)


def function_name(function: Callable[..., Any]) -> str:
    """Return what a function is called in messages."""
    return getattr(function, "__name__", type(function).__name__)
