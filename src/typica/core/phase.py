"""A training step, as a list of turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

Batch = dict[str, Any]
"""Holds "audio", shape (batch, channels, time), in [-1, 1], or "image", levels as integers,
shape (batch, channels, height, width). With audio come "context", the number of leading samples
that are past for the others and are not scored; and, where recordings may be shorter than a
crop, "length", the samples after the context that are real and no padding, int64 (batch,).
Where the corpus has any, "condition" is a `typica.core.condition.Condition`."""


@dataclass(frozen=True)
class Phase:
    """One optimiser's turn in a training step.

    Attributes:
        name: Name of the optimiser, of its settings and of its curves.
        parameters: What this turn updates; nothing else gets a gradient.
        loss: From a batch to named terms, already weighted: their sum is minimised.
        repeats: Turns in a row (a Wasserstein critic takes five).
        stage: Phases of one stage take their turns in every step; stages follow one another, and
            what an earlier one has trained stands still, as the running average left it.
        context: Samples of past that its examples carry; None for as many as the model's.
        unit: What a term "nll" is the nats of: a sample, shared by the phases of a stage that model
            a part of it each, or a code of this phase's own.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    loss: Callable[[Batch], dict[str, Tensor]]
    repeats: int = 1
    stage: int = 0
    context: int | None = None
    unit: Literal["sample", "code"] = "sample"
