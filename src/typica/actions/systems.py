"""Which systems there are, and what each can do."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass

from typica.core import registry
from typica.core.described import Setting, settings_of
from typica.core.model import AutoregressiveModel, ExplicitModel, StreamingModel
from typica.training.population import TABLE as POPULATION
from typica.training.selection import PopulationConfig
from typica.training.settings import DataConfig, PhaseConfig, SamplingConfig, TrainingConfig

TABLES = {"data": DataConfig, "training": TrainingConfig, "sampling": SamplingConfig}


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


@dataclass(frozen=True)
class Explanation:
    """What a user may want to know of a system before training it.

    Attributes:
        system: What it can.
        about: What its file says of it, from the second paragraph on: source, idea, departures.
        presets: What each is for.
        phases: Names of the tables of its phases.
        settings: All that `--set` takes; a phase's stand under the name of the first phase.
    """

    system: System
    about: str
    presets: dict[str, str]
    phases: list[str]
    settings: list[Setting]


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


def explain(name: str) -> Explanation:
    """Explain one system: its idea, presets and settings.

    Raises:
        ConfigError: There is none of that name.
    """
    system, model = describe(name), registry.find(name)
    words = inspect.cleandoc(sys.modules[model.__module__].__doc__ or "")
    phases = _phases(name)
    tables = {"model": model.config_type, **TABLES, phases[0]: PhaseConfig}
    if issubclass(model, ExplicitModel):  # what has no density cannot compete
        tables[POPULATION] = PopulationConfig
    return Explanation(
        system=system,
        about=words.partition("\n\n")[2],
        presets={preset: registry.preset_words(name, preset) for preset in system.presets},
        phases=phases,
        settings=[one for table, kind in tables.items() for one in settings_of(kind, table)],
    )


def _phases(name: str) -> list[str]:
    """Return the phases of a system as its smallest preset makes it."""
    return [phase.name for phase in registry.build(name, "tiny").phases()]
