"""The corpora that typica makes itself, one file each: a module holds one `Source`."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

from typica.core.errors import DataError, did_you_mean
from typica.data.source import Source


def names() -> list[str]:
    """List the built-in corpora by name, without importing any."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> type[Source]:
    """Return the source of a built-in corpus; called without arguments, it makes the corpus.

    Raises:
        DataError: There is no such corpus.
    """
    if name not in names():
        raise DataError(f"there is no built-in corpus {name!r}: {did_you_mean(name, names())}")
    module = import_module(f"{__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Source)
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define one source, found {len(found)}")
    return found[0]
