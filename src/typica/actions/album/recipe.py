"""What is trained for an album: whether its settings go together, and when it is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from typica.actions.album.project import Project, Settings
from typica.core import registry
from typica.core.condition import required
from typica.core.config import override, read_yaml
from typica.core.drawable import is_drawable
from typica.core.errors import ConfigError
from typica.core.randomness import seeded_globally
from typica.core.run import CONFIG
from typica.training.folder import differences
from typica.training.job import check_example
from typica.training.settings import TrainingConfig, read_settings

SAFETY_MINUTES = 10.0  # between checkpoints that are written for safety alone


def wished(asked: Settings) -> list[str]:
    """Return the settings of the training that were wished for, as in "training.seed=1"."""
    given = {"steps": asked.steps, "minutes": asked.minutes, "seed": asked.seed}
    own = [f"training.{name}={value}" for name, value in given.items() if value is not None]
    return [*asked.settings, *own]


def tables(asked: Settings) -> dict[str, Any]:
    """Return the preset's settings, by table, with those that were wished for in their place."""
    return override(registry.preset(asked.system, asked.preset), wished(asked))


def check_recipe(project: Project) -> None:
    """Refuse, before anything is done, what cannot be trained, played or gone on with.

    Raises:
        ConfigError: A setting is unknown or wrong, the rate is not the preset's, the system makes
            no stream by itself, or the training was begun with another model.
    """
    asked = project.settings
    check_example(asked.system)
    chosen = tables(asked)
    with seeded_globally(0):
        model = registry.from_settings(asked.system, chosen.get("model", {}))
    needs = required(model.needs)
    if not is_drawable(model) or needs:
        told = f"must be told {', '.join(needs)}, and " if needs else ""
        raise ConfigError(
            f"{asked.system} {told}makes no stream of its own: take --system samplernn or wavenet"
        )
    made_for = read_settings(chosen, [phase.name for phase in model.phases()]).data.rate
    if made_for not in (None, asked.rate):
        raise ConfigError(
            f"{asked.system} {asked.preset} is made for {made_for} Hz, not {asked.rate}: take "
            f"--rate {made_for}, or add --set data.rate={asked.rate}"
        )
    _check_same_model(project, model.config.to_dict())


def course(asked: Settings, found: Mapping[str, Any]) -> list[str]:
    """Return the settings of the training with when its checkpoints are written: evenly.

    Where the clock ends the training it also says when: how many steps will be taken by then is
    measured beforehand, and a machine that is busier or idler afterwards takes others.

    Args:
        asked: What was asked for.
        found: What was measured: "steps" and "training_s".
    """
    training = TrainingConfig.from_dict(tables(asked).get("training", {}), "training")
    count = asked.checkpoints
    if training.minutes is not None and found["steps"] < training.steps:
        every, minutes = 0, training.minutes / count
    else:
        every = max(1, math.ceil(found["steps"] / count))
        minutes = max(SAFETY_MINUTES, found["training_s"] / 60 / count)
    return [
        f"training.checkpoint_every={every}",
        f"training.checkpoint_minutes={minutes:.6g}",
        f"training.keep={3 * count}",
        *wished(asked),
    ]


def _check_same_model(project: Project, model: dict[str, Any]) -> None:
    if not (project.run_path / CONFIG).exists():
        return
    before = read_yaml(project.run_path / CONFIG)["model"]
    for name, was, now in differences({"model": before}, {"model": model}):
        raise ConfigError(
            f"{project.run_path} was begun with {name} {was}, not {now}: leave that as it was, or "
            f"begin another album with --out"
        )
