"""Hyper-parameters of a learner that may change while it trains, by names as in `--set`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from typica.core.errors import ConfigError, did_you_mean
from typica.core.model import Model
from typica.core.tuning import Tunable, setting, tunable, tune
from typica.training.learner import Learner
from typica.training.settings import PhaseConfig

OF_A_PHASE = ("learning_rate", "final_learning_rate", "weight_decay")
MODEL = "model"


def explorable(model: Model, phases: Mapping[str, PhaseConfig]) -> dict[str, float]:
    """Return the hyper-parameters that a factor changes, as in "model.decay", with their values.

    Those of the model are what its class, or that of a system within it, calls tunable; of each
    phase, rates and weight decay.
    """
    found = {
        f"{phase}.{name}": getattr(config, name)
        for phase, config in phases.items()
        for name in OF_A_PHASE
    }
    found |= {f"{MODEL}.{name}": setting(model, name) for name in tunable(model)}
    return {name: v for name, v in found.items() if _scale(model, name).scaled(v, 0.5) != v}


def chosen(
    model: Model, phases: Mapping[str, PhaseConfig], names: Sequence[str]
) -> tuple[str, ...]:
    """Return the hyper-parameters that are named, each once, or all there are if none is.

    Raises:
        ConfigError: One is unknown, cannot change in training, or is such that no factor moves it.
    """
    known = explorable(model, phases)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"population.explore: {name!r} cannot be explored, for it is unknown, fixed once "
                f"a model is built, or 0: {did_you_mean(name, known)}"
            )
    return tuple(dict.fromkeys(names or known))


def value(learner: Learner, name: str) -> float:
    """Return a hyper-parameter of a learner."""
    table, _, own = name.partition(".")
    if table == MODEL:
        return setting(learner.model, own)
    return float(getattr(learner.phase_configs[table], own))


def put(learner: Learner, name: str, number: float) -> None:
    """Give a hyper-parameter of a learner another value.

    Raises:
        ConfigError: It cannot have that value.
    """
    table, _, own = name.partition(".")
    if table == MODEL:
        tune(learner.model, own, number)
        return
    change: dict[str, Any] = {own: number}
    config = dataclasses.replace(learner.phase_configs[table], **change)
    learner.phase_configs = {**learner.phase_configs, table: config}
    learner.optimisers[table].config = config


def scale(learner: Learner, name: str, factor: float) -> None:
    """Multiply a hyper-parameter, or where that is its scale the distance from 1, within range."""
    put(learner, name, _scale(learner.model, name).scaled(value(learner, name), factor))


def _scale(model: Model, name: str) -> Tunable:
    table, _, own = name.partition(".")
    return tunable(model)[own] if table == MODEL else Tunable(own)
