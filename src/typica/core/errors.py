"""The errors that a user can cause."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TypicaError(Exception):
    """What a user can put right: the command line prints it without a traceback."""


class ShapeError(TypicaError, ValueError):
    """A tensor has the wrong shape."""


class ConfigError(TypicaError, ValueError):
    """A configuration holds a wrong name or value."""


class ExpressionError(TypicaError, ValueError):
    """A parameter expression cannot be built, installed or evaluated."""


class DataError(TypicaError):
    """A recording, a folder of recordings or a corpus cannot be used."""


class RunError(TypicaError):
    """A run folder is missing, damaged or does not fit what was asked of it."""


class MissingFeatureError(TypicaError):
    """An optional package that the request needs is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install 'typica[{extra}]'")
        self.request = what, package, extra

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # Sent by a worker process it is built again from these, not from the sentence.
        return type(self), self.request


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or all."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"choose from {', '.join(known)}" if known else "there are none"
