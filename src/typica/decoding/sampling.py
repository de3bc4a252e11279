"""Ancestral sampling, at a temperature, after a prompt."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import Engine, StepEngine, check_draw
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel, Model
from typica.core.progress import SILENT, Progress
from typica.expressions import cached

TOLD_EVERY = 1024  # samples between two movements of the bar


class Drawn(NamedTuple):
    """What was drawn, and how likely it was.

    Attributes:
        audio: Shape (count, channels, time); the prompt is not in it.
        log_prob: Log-likelihood under the model, in nats, shape (count,); None for a model that
            is not autoregressive.
        log_draw: Log-likelihood under the distributions it was drawn from (they differ from the
            model's at temperatures other than 1), in nats, shape (count,), or None.
        engine: What computed.
    """

    audio: Tensor
    log_prob: Tensor | None = None
    log_draw: Tensor | None = None
    engine: str = "torch"


def draw_audio(model: Model, count: int, length: int, **settings: Any) -> Tensor:
    """Draw audio from any model, shape (count, channels, length): `draw_samples` without more."""
    return draw_samples(model, count, length, **settings).audio


def draw_samples(
    model: Model,
    count: int,
    length: int,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    prompt: Tensor | None = None,
    condition: Condition | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Drawn:
    """Draw from any model.

    Arguments are those of `ancestral`; a model that is not autoregressive takes neither
    temperature nor prompt.

    Raises:
        ConfigError: The model cannot take what was asked.
    """
    if isinstance(model, AutoregressiveModel):
        # Weights that are computed are computed once, not at every sample.
        with cached(model):
            return ancestral(
                model,
                count,
                length,
                temperature=temperature,
                generator=generator,
                prompt=prompt,
                condition=condition,
                engine=engine,
                progress=progress,
            )
    if temperature != 1 or prompt is not None:
        name = type(model).__name__
        raise ConfigError(f"{name} is not autoregressive: it takes no temperature and no prompt")
    with torch.no_grad():
        audio = model.sample(count, length, condition=condition, generator=generator)
    return Drawn(audio)


def ancestral(
    model: AutoregressiveModel,
    count: int,
    length: int,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    prompt: Tensor | None = None,
    condition: Condition | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Drawn:
    """Draw symbol after symbol, each from its distribution given those before.

    Args:
        model: An autoregressive model.
        count: Examples, drawn side by side.
        length: Symbols of each.
        temperature: 1 draws what the model says; less is more sure of itself, 0 takes the most
            likely.
        generator: Where the randomness comes from.
        prompt: Audio to go on from, (1 or count, channels, time).
        condition: What the model is told; it begins where the prompt does.
        engine: What takes the steps, where something faster than the model was compiled of it
            (`typica.engines`).
        progress: Hears how far it is.

    Raises:
        ConfigError: The temperature is below 0, or there is nothing to draw.
    """
    check_draw(length, temperature)
    engine = engine or StepEngine(model)
    state = engine.start(count, condition=condition, prompt=prompt)
    symbols = []
    log_prob = log_draw = torch.zeros(count, dtype=torch.float64)
    with progress.task("sampling", total=length, unit="samples") as task:
        for begin in range(0, length, TOLD_EVERY):
            some = min(TOLD_EVERY, length - begin)
            drawn = engine.draw(state, some, temperature=temperature, generator=generator)
            log_prob = log_prob + _total(drawn.log_prob)
            log_draw = log_draw + _total(drawn.log_draw)
            symbols.append(drawn.symbols)
            state = drawn.state
            task.advance(some)
    audio = model.render(torch.cat(symbols, 1))
    return Drawn(audio, log_prob, log_draw, engine.name)


def _total(nats: Tensor) -> Tensor:
    # In float32 the sum over a minute of audio loses the third decimal.
    return nats.cpu().double().sum(1)
