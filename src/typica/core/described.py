"""What a configuration says of its settings, for those who are to choose them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

from typica.core.config import Config

_ATTRIBUTES = "Attributes:"
_ENTRY = re.compile(r" {4}(\w+): (.*)")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting, before anybody has chosen.

    Attributes:
        name: As it is typed, such as "model.width".
        default: Its value then, as plain data; a default is not what a preset sets.
        meaning: What it is, in words; "" where its configuration does not say.
    """

    name: str
    default: Any
    meaning: str


def settings_of(kind: type[Config], where: str) -> list[Setting]:
    """List the settings of a configuration that is typed under `where`, in their order."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        told |= _meanings(inspect.cleandoc(vars(base).get("__doc__") or ""))
    defaults = kind().to_dict()
    return [
        Setting(f"{where}.{field.name}", defaults[field.name], told.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]


def _meanings(words: str) -> dict[str, str]:
    """Return what a docstring says under "Attributes:", by name."""
    found: dict[str, str] = {}
    name = ""
    for line in words.partition(f"{_ATTRIBUTES}\n")[2].splitlines():
        if entry := _ENTRY.fullmatch(line):
            name, found[entry[1]] = entry[1], entry[2]
        elif name and line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
        else:  # the section is over, or has a gap
            name = ""
    return found
