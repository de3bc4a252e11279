"""How far training is, and the learning rate there."""

from __future__ import annotations

import math

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
