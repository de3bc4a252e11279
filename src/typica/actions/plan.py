"""Say what a training will take before it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from typica.actions.train import PRESET
from typica.core import registry
from typica.core.config import override
from typica.core.device import pick_device
from typica.core.model import Model, StreamingModel
from typica.core.progress import SILENT, Progress
from typica.data.corpus import open_corpus
from typica.training.job import check_example, describe
from typica.training.plan import Plan, measure


class Planned(NamedTuple):
    """A plan and what it is for.

    Attributes:
        past_s: Seconds of the past that each level of the system depends on, from the sound
            upwards; None for all of it. Empty for a system that does not go along time.
    """

    system: str
    preset: str
    corpus: str
    device: str
    plan: Plan
    past_s: list[float | None]


def plan(
    system: str,
    data: str | Path,
    preset: str = PRESET,
    settings: Sequence[str] = (),
    *,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Planned:
    """Measure what training a system on a corpus takes: memory, disk, time.

    Args:
        system: Name of the system.
        data: A corpus, by its name or its folder.
        preset: Where the settings come from.
        settings: Settings that replace the preset's, as in "model.channels=96".
        device: "auto", "cpu", "cuda" or "mps".
        progress: Hears how far it is.

    Raises:
        ConfigError: A setting is unknown, wrong, or does not fit the corpus.
        DataError: There is no such corpus, or nothing in it to train on.
    """
    check_example(system)
    place, corpus = pick_device(device), open_corpus(data)
    tables = override(registry.preset(system, preset), list(settings))
    job = describe(system, preset, tables, corpus, place)
    with progress.task("running a few steps"):
        measured = measure(job, place)
    past_s = _past_s(job.model, corpus.rate)
    return Planned(system, preset, corpus.name, str(place), measured, past_s)


def _past_s(model: Model, rate: int) -> list[float | None]:
    fields = model.receptive_fields if isinstance(model, StreamingModel) else []
    return [field and field / rate for field in fields]
