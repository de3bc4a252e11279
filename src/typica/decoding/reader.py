"""Numbers in words, NAME=NUMBER:NUMBER, for stages and for decoders alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from typica.core.errors import ConfigError

Made = TypeVar("Made")


def split_words(part: str) -> tuple[str, list[str]]:
    """Return the name of a part, as it is spelt everywhere, and what stands behind its "="."""
    name, is_told, told = part.partition("=")
    numbers = [number.strip() for number in told.split(":")] if is_told else []
    return name.strip().lower().replace("_", "-"), numbers


def told(name: str, kind: type[Made], numbers: Sequence[Any]) -> Made:
    """Make a dataclass whose settings are all numbers of as many as are told, in their order.

    Args:
        name: What it is called in words.
        kind: The dataclass.
        numbers: Or texts of them.

    Raises:
        ConfigError: They are too few, too many or no numbers.
    """
    settings: Any = fields(kind)  # type: ignore[arg-type]
    needed = sum(setting.default is MISSING for setting in settings)
    if not settings:
        check_alone(name, numbers)
    if not needed <= len(numbers) <= len(settings):
        names = ":".join(setting.name.upper() for setting in settings[: max(1, needed)])
        raise ConfigError(f"{name} takes {_many(needed, len(settings))}, as in {name}={names}")
    return kind(*(_number(name, number) for number in numbers))


def check_alone(name: str, numbers: Sequence[Any]) -> None:
    """Refuse numbers for what takes none."""
    if numbers:
        raise ConfigError(f"{name} takes no number, got {':'.join(map(str, numbers))}")


def _number(name: str, text: Any) -> float:
    """Return a number, whole where it is written so."""
    if not isinstance(text, bool):
        for kind in (int, float):
            try:
                number = kind(text)
            except (TypeError, ValueError, OverflowError):
                continue
            if isinstance(text, str) or number == text:
                return number
    raise ConfigError(f"{name} takes a number, got {text!r}")


def _many(least: int, most: int) -> str:
    return "one number" if (least, most) == (1, 1) else f"{least} to {most} numbers"
