"""Paths: where a parameter is, as "layers.0.weight" from the module that holds it all."""

from __future__ import annotations

from typing import Any

from torch import nn

from typica.core.errors import ExpressionError


def owner_of(module: nn.Module, path: str) -> tuple[nn.Module, str]:
    """Follow a path to the module that holds a parameter.

    Raises:
        ExpressionError: There is no such module on the way, or what was given is none.
    """
    if not isinstance(module, nn.Module) or not isinstance(path, str):
        kinds = f"{_kind(module)} and {_kind(path)}"
        raise ExpressionError(
            f"got {kinds}: give the module, and the name of its parameter, as (layer, 'weight')"
        )
    place, _, name = path.rpartition(".")
    if not place:
        return module, name
    try:
        return module.get_submodule(place), name
    except (AttributeError, RuntimeError) as error:
        raise ExpressionError(f"{type(module).__name__} has no {place!r}: {error}") from None


def _kind(given: Any) -> str:
    return f"a {type(given).__name__}"
