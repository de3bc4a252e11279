"""Settings of a model that may change while it is trained: no weight has another shape by them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, NamedTuple

from typica.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from typica.core.model import Model


class Tunable(NamedTuple):
    """Where a built model keeps a setting, and how the setting is scaled.

    Attributes:
        place: Path of the attribute, as in "bottleneck.decay".
        most: What it, or its distance from 1, never exceeds.
        from_one: Whether its distance from 1 is scaled, as of a decay: 0.99 times 1.25 is none.
    """

    place: str
    most: float = math.inf
    from_one: bool = False

    def scaled(self, value: float, factor: float) -> float:
        """Return the setting, or its distance from 1, times a factor."""
        if self.from_one:
            return 1 - min((1 - value) * factor, self.most)
        return min(value * factor, self.most)


def tunable(model: Model) -> dict[str, Tunable]:
    """Return the settings by which this very model can be tuned, by their names."""
    return {
        name: one
        for name, one in type(model).tunable.items()
        if hasattr(model.get_submodule(_split(one)[0]), _split(one)[1])
    }


def tune(model: Model, name: str, value: float) -> None:
    """Give a setting of a built model another value; its configuration says the new one.

    Raises:
        ConfigError: The model cannot be tuned by it, or cannot have the value.
    """
    known = tunable(model)
    if name not in known:
        raise ConfigError(f"{name!r} cannot change in training: {did_you_mean(name, known)}")
    model.config = dataclasses.replace(model.config, **{name: value})
    part, attribute = _split(known[name])
    setattr(model.get_submodule(part), attribute, value)


def _split(one: Tunable) -> tuple[str, str]:
    part, _, attribute = one.place.rpartition(".")
    return part, attribute
