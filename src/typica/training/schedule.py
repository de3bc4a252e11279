"""How far training is, and the learning rate there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from typica.core.phase import Phase
from typica.training.settings import PhaseConfig, TrainingConfig

_SHAPES = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


def share_done(config: TrainingConfig, step: int, elapsed_s: float) -> float:
    """Return how much of training is over, from 0 to 1.

    The tighter of the two limits decides, so that a run limited in minutes also ends at its
    final learning rate.
    """
    by_time = elapsed_s / (60 * config.minutes) if config.minutes else 0.0
    return min(1.0, max(step / config.steps, by_time))


def learning_rate(config: PhaseConfig, step: int, done: float) -> float:
    """Return the rate of step `step`, the first being 0, with the share `done` behind it."""
    start, end = config.learning_rate, config.final_learning_rate
    if config.schedule == "constant":
        end = start
    rate = end + (start - end) * _SHAPES[config.schedule](done)
    return rate * min(1.0, (step + 1) / max(1, config.warmup))


def stage_ends(phases: Sequence[Phase], configs: Mapping[str, PhaseConfig]) -> list[float]:
    """Return the share of training after which each stage is over; the last is 1.

    A stage takes the largest of its phases' shares.
    """
    shares = [0.0] * (1 + max(phase.stage for phase in phases))
    for phase in phases:
        shares[phase.stage] = max(shares[phase.stage], configs[phase.name].share)
    return [end / sum(shares) for end in accumulate(shares)]


def stage_at(ends: Sequence[float], done: float) -> int:
    """Return the stage in which training is after the share `done` of it."""
    return min(sum(end <= done for end in ends), len(ends) - 1)


def share_of_stage(ends: Sequence[float], stage: int, done: float) -> float:
    """Return how much of a stage is over, from 0 to 1."""
    start = ends[stage - 1] if stage else 0.0
    return min(1.0, max(0.0, (done - start) / (ends[stage] - start)))


def crop_of_stage(
    phases: Sequence[Phase], configs: Mapping[str, PhaseConfig], stage: int, usual: int
) -> int:
    """Return the samples of an example in a stage: the most that one of its phases asks for."""
    asked = [configs[phase.name].crop for phase in phases if phase.stage == stage]
    return max((crop for crop in asked if crop is not None), default=usual)
