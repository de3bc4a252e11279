"""Which systems there are, and what each can do."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from typica.core import registry
from typica.core.model import AutoregressiveModel, ExplicitModel, StreamingModel


@dataclass(frozen=True)
class System:
    """What can be said of a system without building it.

    Attributes:
        name: As it is typed.
        family: Folder that it stands in.
        summary: First line of its file.
        models: "audio" or "image".
        density: "exact", "lower bound" or "none".
        conditioning: Kinds of condition that it can be built for, "sparse" and "dense".
        sampling: "sample by sample", "in a stream" or "all at once".
        presets: Names of its presets.
    """

    name: str
    family: str
    summary: str
    models: str
    density: str
    conditioning: tuple[str, ...]
    sampling: str
    presets: list[str]


def systems() -> list[System]:
    """List the systems, by family and name."""
    found = [describe(name) for name in registry.names()]
    return sorted(found, key=lambda system: (system.family, system.name))


def describe(name: str) -> System:
    """Describe one system.

    Raises:
        ConfigError: There is none of that name.
    """
    model = registry.find(name)
    words = (sys.modules[model.__module__].__doc__ or "").strip().splitlines()
    sampling = "in a stream" if issubclass(model, StreamingModel) else "all at once"
    return System(
        name=name,
        family=registry.families()[name],
        summary=words[0] if words else "",
        models=model.example,
        density=model.density if issubclass(model, ExplicitModel) else "none",
        conditioning=model.conditioning,
        sampling="sample by sample" if issubclass(model, AutoregressiveModel) else sampling,
        presets=registry.presets(name),
    )
