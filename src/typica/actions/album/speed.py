"""How fast a model draws on this machine, measured before it is trained: weights do not matter."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from typica.core.drawable import is_drawable
from typica.core.engine import Engine
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded_rows
from typica.core.run import Run
from typica.engines.compiler import compile
from typica.training.job import Job

MEASURED_S = 1.0
STEP = 512  # samples drawn at once


class Speed(NamedTuple):
    """Seconds of sound drawn in a second.

    Attributes:
        stream: Of one stream alone.
        together: Of streams side by side, all of them together.
        side_by_side: How many those are.
    """

    stream: float
    together: float
    side_by_side: int


def measure_speed(job: Job, side_by_side: int, progress: Progress = SILENT) -> Speed:
    """Draw for a moment from the model as it is before its training.

    Args:
        job: Of a model that makes streams by itself.
        side_by_side: Streams that are drawn together, beside one alone.
        progress: Hears what computes.
    """
    model = job.model.eval()
    assert is_drawable(model)  # see `check_recipe`
    with torch.no_grad():
        engine = compile(model, say=progress.say)
        alone, together = (real_time(engine, job.corpus.rate, n) for n in (1, side_by_side))
    return Speed(alone, max(alone, together), side_by_side)


def playing_speed(run: Run, progress: Progress = SILENT) -> float:
    """Return the seconds of sound that a trained model plays in a second, one stream of it."""
    assert is_drawable(run.model)
    with torch.no_grad():
        return real_time(compile(run.model, say=progress.say), run.rate, 1)


def real_time(engine: Engine, rate: int, count: int) -> float:
    """Return the seconds of sound that so many streams make in a second together."""
    device = next(engine.model.parameters()).device
    generators, state = seeded_rows(0, count, device), engine.start(count)
    state = engine.draw(state, STEP, generator=generators).state  # compiled, and warm
    began, drawn = time.perf_counter(), 0
    while time.perf_counter() - began < MEASURED_S:
        state = engine.draw(state, STEP, generator=generators).state
        drawn += STEP * count
    return drawn / rate / (time.perf_counter() - began)
