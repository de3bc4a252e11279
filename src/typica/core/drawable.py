"""Models that an engine draws from: they take prompts, stream and are watched."""

from __future__ import annotations

from typing import TypeGuard

from typica.core.engine import Engine, StepEngine
from typica.core.engined import EnginedModel
from typica.core.model import AutoregressiveModel, Model

Drawable = AutoregressiveModel | EnginedModel


def is_drawable(model: Model) -> TypeGuard[Drawable]:
    """Whether a model is drawn from symbol after symbol, by an engine."""
    return isinstance(model, AutoregressiveModel | EnginedModel)


def steps_of(model: Drawable) -> Engine:
    """Return an engine that takes a model's own steps."""
    return StepEngine(model) if isinstance(model, AutoregressiveModel) else model.steps()
