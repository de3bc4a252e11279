"""Finding systems and presets: what stands in the folder exists, and nothing else."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module, resources
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typica.core.config import read_yaml
from typica.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from typica.core.model import Model


@cache
def families() -> dict[str, str]:
    """Return the family of each system by its name, without importing any."""
    found = {}
    for family in pkgutil.iter_modules(import_module("typica.systems").__path__):
        package = import_module(f"typica.systems.{family.name}")
        for module in pkgutil.iter_modules(package.__path__):
            found[module.name] = family.name
    return dict(sorted(found.items()))


def names() -> list[str]:
    """List the systems by name, without importing any."""
    return list(families())


def find(name: str) -> type[Model]:
    """Return the model class of a system.

    Raises:
        ConfigError: There is no such system.
    """
    _check(name)
    from typica.core.model import Model  # here, so that listing names needs no torch

    module = import_module(f"typica.systems.{families()[name]}.{name}")
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Model)
        and not inspect.isabstract(value)
        and "config_type" in vars(value)  # a part of a system that is a model has no settings
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define one model class, found {len(found)}")
    return found[0]


def presets(name: str) -> list[str]:
    """List the presets of a system.

    Raises:
        ConfigError: There is no such system.
    """
    _check(name)
    return sorted(file.name.removesuffix(".yaml") for file in _preset_folder(name).glob("*.yaml"))


def preset(name: str, preset_name: str) -> dict[str, Any]:
    """Read one preset: tables `model`, `data`, `training` and one table per phase.

    Raises:
        ConfigError: There is no such system or preset.
    """
    if preset_name not in presets(name):
        hint = did_you_mean(preset_name, presets(name))
        raise ConfigError(f"{name} has no preset {preset_name!r}: {hint}")
    return read_yaml(_preset_folder(name) / f"{preset_name}.yaml")


def preset_words(name: str, preset_name: str) -> str:
    """Return what a preset says of itself: the comment at its head, as one paragraph."""
    words = (_preset_folder(name) / f"{preset_name}.yaml").read_text(encoding="utf-8")
    head = takewhile(lambda line: line.startswith("#"), words.splitlines())
    return " ".join(line.lstrip("# ") for line in head)


def build(name: str, preset_name: str = "paper", **overrides: Any) -> Model:
    """Build a system from a preset, with some settings of its model changed."""
    return from_settings(name, preset(name, preset_name).get("model", {}) | overrides)


def from_settings(name: str, settings: dict[str, Any], where: str = "model") -> Model:
    """Build a system from the settings of its model, which the user typed under `where`."""
    model_class = find(name)
    return model_class(model_class.config_type.from_dict(settings, where))


def within(
    table: Mapping[str, Any], where: str, own: Mapping[str, Any], kind: type, like: str
) -> Any:
    """Build a system that another names in its configuration.

    Args:
        table: Its name as "system", and settings of its model.
        where: What the user typed the table under, such as "model.prior".
        own: Settings that follow from those of the other system, and may not be given.
        kind: What it must be.
        like: A system that is such, to be named in the error.

    Raises:
        ConfigError: There is no such system, it is of another kind, or a setting is not as it must
            be.
    """
    settings = {name: value for name, value in table.items() if name != "system"}
    name = table.get("system")
    if name not in names():
        hint = did_you_mean(str(name), names())
        raise ConfigError(f"{where}.system must name a system, got {name!r}: {hint}")
    if not issubclass(find(name), kind):
        raise ConfigError(f"{where}.system={name} will not do there: take {like}")
    for setting in sorted(settings.keys() & own.keys()):
        raise ConfigError(f"{where}.{setting} follows from other settings: leave it out")
    built = from_settings(name, settings | dict(own), where=where)
    assert isinstance(built, kind)
    return built


def _check(name: str) -> None:
    if name not in families():
        raise ConfigError(f"there is no system {name!r}: {did_you_mean(name, names())}")


def _preset_folder(name: str) -> Path:
    return Path(str(resources.files("typica.presets"))) / name
