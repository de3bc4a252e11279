"""Configurations: frozen dataclasses that presets and the command line fill."""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from typica.core.errors import ConfigError, did_you_mean


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of every configuration: values that never change once checked."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Build a configuration, refusing names and types it does not know.

        Args:
            values: Settings by name; those left out keep their defaults.
            where: What the settings belong to, as the user types it, such as "model".

        Raises:
            ConfigError: A name is unknown (the message proposes the nearest) or a value has
                the wrong type.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where} must be a table of settings; got {values!r}")
        hints = get_type_hints(cls)
        known = {field.name for field in dataclasses.fields(cls)}
        prefix = f"{where}." if where else ""
        for name in values:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ConfigError(f"there is no setting {prefix + name!r}: {hint}")
        return cls(**{n: _cast(v, hints[n], prefix + n) for n, v in values.items()})

    def check_at_least(self, least: int, *names: str, where: str = "model") -> None:
        """Refuse settings that are below a number.

        Raises:
            ConfigError: One is, or is no finite number.
        """
        words = "must not be below 0" if least == 0 else f"must be at least {least}"
        for name in names:
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise ConfigError(f"{where}.{name} {words}, got {value}")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, ready for a YAML file."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def _cast(value: Any, kind: Any, name: str) -> Any:
    """Return a value as the type its setting declares, or refuse it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _cast(value, next(a for a in arguments if a is not type(None)), name)
    if origin is Literal:
        if value in arguments:
            return value
        choices = ", ".join(str(choice) for choice in arguments)
        raise ConfigError(f"{name} must be one of {choices}; got {value!r}")
    if origin is tuple:
        if isinstance(value, list | tuple):
            return tuple(_cast(item, arguments[0], name) for item in value)
        raise ConfigError(f"{name} must be a list, as in [1, 2]; got {value!r}")
    if origin is Mapping:
        if isinstance(value, Mapping):
            return dict(value)
        raise ConfigError(f"{name} must be a table of settings; got {value!r}")
    return _cast_plain(value, kind, name)


def _cast_plain(value: Any, kind: type, name: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    raise ConfigError(f"{name} must be {words.get(kind, kind.__name__)}; got {value!r}")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings.

    Raises:
        ConfigError: It is not YAML, or not a table of settings.
    """
    try:
        values = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:  # omegaconf lets the YAML parser's own errors through
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} is not a readable YAML file: {reason}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold a table of settings")
    return {str(name): value for name, value in values.items()}


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Write settings as YAML, so that `read_yaml` returns them as they are."""
    literal = OmegaConf.create(_literal(dict(values)))
    path.write_text(OmegaConf.to_yaml(literal), encoding="utf-8")


def _literal(value: Any) -> Any:
    """Escape what would be taken for a reference, as in a folder named "${x}"."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, list):
        return [_literal(one) for one in value]
    if isinstance(value, dict):
        return {name: _literal(one) for name, one in value.items()}
    return value


def override(values: Mapping[str, Any], settings: list[str]) -> dict[str, Any]:
    """Return settings with some replaced, each given as "model.layers=12".

    An item of a list is named by its number, as in "model.autoencoders[0].codes=64".

    Raises:
        ConfigError: A text is not of that form, or a list has no such item.
    """
    for setting in settings:
        name, equals, _ = setting.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--set takes NAME=VALUE, as in model.layers=12; got {setting!r}")
    merged = OmegaConf.create(dict(values))
    try:
        merged.merge_with_dotlist(settings)
    except IndexError as error:
        raise ConfigError(
            f"cannot set {', '.join(settings)}: a list has no item of that number (the first is 0)"
        ) from error
    except (OmegaConfBaseException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"cannot set {', '.join(settings)}: {reason}") from error
    except Exception as error:  # omegaconf lets the YAML parser's own errors through
        raise ConfigError(
            f"cannot set {', '.join(settings)}: a value is no YAML; a text that holds brackets "
            f'stands in quotes, as in ["model.autoencoders[0].decay"]'
        ) from error
    return dict(OmegaConf.to_container(merged, resolve=True))  # type: ignore[arg-type]


def selected(values: Mapping[str, Any], name: str) -> Any:
    """Return a setting by a name as `override` takes it; None where none was given."""
    return OmegaConf.select(OmegaConf.create(dict(values)), name)
