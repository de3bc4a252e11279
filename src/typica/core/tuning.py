"""Settings of a model that may change while it is trained: no weight has another shape by them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from torch import nn

from typica.core import registry
from typica.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from typica.core.config import Config
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
    """Return the settings by which this very model can be tuned, by their names.

    Those of a system within it, such as a level of a hierarchy, are named as `--set model.` names
    them, as in "autoencoders[0].decay"; their places are as seen from the system within.
    """
    found = {
        name: one
        for name, one in type(model).tunable.items()
        if hasattr(model.get_submodule(_split(one)[0]), _split(one)[1])
    }
    for one in _within(model):
        found |= {f"{one.name}.{name}": own for name, own in tunable(one.model).items()}
    return found


def setting(model: Model, name: str) -> float:
    """Return the value of a setting that `tunable` names."""
    holder, own = _holder(model, name)
    return float(getattr(model.config, own)) if holder is None else setting(holder.model, own)


def tune(model: Model, name: str, value: float) -> None:
    """Give a setting of a built model another value; its configuration says the new one.

    Raises:
        ConfigError: The model cannot be tuned by it, or cannot have the value.
    """
    known = tunable(model)
    if name not in known:
        raise ConfigError(f"{name!r} cannot change in training: {did_you_mean(name, known)}")
    holder, own = _holder(model, name)
    if holder is None:
        model.config = dataclasses.replace(model.config, **{name: value})
        part, attribute = _split(known[name])
        setattr(model.get_submodule(part), attribute, value)
        return
    tune(holder.model, own, value)
    model.config = holder.told(model.config, _field(own))


class _Within(NamedTuple):
    """A system that a table of another's settings describes.

    Attributes:
        field: Of the settings.
        number: Of the table, where the field is a list of them.
        model: What was built by it.
    """

    field: str
    number: int | None
    model: Model

    @property
    def name(self) -> str:
        """Where the table stands, as the user types it."""
        return self.field if self.number is None else f"{self.field}[{self.number}]"

    def told(self, config: Config, own: str) -> Config:
        """Return the outer configuration with a setting as the system within has it."""
        tables = getattr(config, self.field)
        table = tables if self.number is None else tables[self.number]
        told: Any = {**table, own: getattr(self.model.config, own)}
        if self.number is not None:
            told = (*tables[: self.number], told, *tables[self.number + 1 :])
        return dataclasses.replace(config, **{self.field: told})


def _within(model: Model) -> Iterator[_Within]:
    """Find the systems that stand under the name of the table that describes them."""
    for field, child in model.named_children():
        for number, table in _tables(getattr(model.config, field, None)):
            built = child if number is None else cast(nn.ModuleList, child)[number]
            if type(built) is registry.find(table["system"]):
                yield _Within(field, number, cast(Any, built))


def _tables(value: Any) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
    """Return the tables of systems that a setting holds, with their numbers if it is a list."""
    numbered = enumerate(value) if isinstance(value, tuple) else [(None, value)]
    for number, one in numbered:
        if isinstance(one, Mapping) and "system" in one:
            yield number, one


def _holder(model: Model, name: str) -> tuple[_Within | None, str]:
    """Return the system within that a setting is of, if it is of one, and its name there."""
    for one in _within(model):
        if name.startswith(f"{one.name}."):
            return one, name.removeprefix(f"{one.name}.")
    return None, name


def _field(name: str) -> str:
    """Return the outermost setting in a name: "levels" of "levels[0].decay"."""
    return name.partition(".")[0].partition("[")[0]


def _split(one: Tunable) -> tuple[str, str]:
    part, _, attribute = one.place.rpartition(".")
    return part, attribute
