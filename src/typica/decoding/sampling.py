"""Ancestral sampling, at a temperature, after a prompt."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.errors import ConfigError
from typica.core.model import BLOCK, AutoregressiveModel, Model, State
from typica.core.progress import SILENT, Progress
from typica.core.randomness import draw
from typica.core.temperature import tempered
from typica.expressions import cached

TELL_EVERY = 256  # samples between two movements of the bar


class Drawn(NamedTuple):
    """What was drawn, and how likely it was.

    Attributes:
        audio: Shape (count, channels, time); the prompt is not in it.
        log_prob: Log-likelihood under the model, in nats, shape (count,); None for a model that
            is not autoregressive.
        log_draw: Log-likelihood under the distributions it was drawn from (they differ from the
            model's at temperatures other than 1), in nats, shape (count,), or None.
    """

    audio: Tensor
    log_prob: Tensor | None = None
    log_draw: Tensor | None = None


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
    sampler: AutoregressiveModel | None = None,
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
                sampler=sampler,
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
    sampler: AutoregressiveModel | None = None,
    progress: Progress = SILENT,
) -> Drawn:
    """Draw symbol after symbol, each from its distribution given those before.

    Args:
        model: An autoregressive model.
        count: Examples, drawn side by side.
        length: Symbols of each.
        temperature: 1 draws what the model says; less is more sure of itself.
        generator: Where the randomness comes from.
        prompt: Audio to go on from, (1 or count, channels, time).
        condition: What the model is told; it begins where the prompt does.
        sampler: What takes the steps, where a faster one than the model was made of it
            (`typica.engines`).
        progress: Hears how far it is.

    Raises:
        ConfigError: The temperature is not positive.
    """
    if not 0 < temperature < math.inf:  # which NaN is not either
        raise ConfigError(f"temperature must be above 0, got {temperature:g}")
    with torch.inference_mode():
        symbol, state = _begin(model, count, prompt, condition)
        symbols = []
        log_prob = log_draw = torch.zeros(count, dtype=torch.float64, device=symbol.device)
        with progress.task("sampling", total=length, unit="samples") as task:
            for index in range(length):
                distribution, state = (sampler or model).step(symbol, state)
                chosen = tempered(distribution, temperature)
                drawn = draw(chosen, generator)
                log_prob = log_prob + distribution.log_prob(drawn)[:, 0]
                if chosen is not distribution:
                    log_draw = log_draw + chosen.log_prob(drawn)[:, 0]
                symbol = drawn[:, 0]
                symbols.append(symbol)
                if index % TELL_EVERY == TELL_EVERY - 1:
                    task.advance(TELL_EVERY)
            task.advance(length % TELL_EVERY)
        audio = model.render(torch.stack(symbols, 1))
    if temperature == 1:
        log_draw = log_prob
    # Copies outside of inference mode: what is returned may be trained on.
    return Drawn(audio.clone(), log_prob.clone(), log_draw.clone())


def _begin(
    model: AutoregressiveModel, count: int, prompt: Tensor | None, condition: Condition | None
) -> tuple[Tensor, State]:
    """Return the last symbol before the first draw, and the state that has not read it yet."""
    state = model.start(count, condition)
    device = next(model.parameters()).device
    silence = torch.full((count, 1), model.initial, device=device)
    if prompt is None:
        return silence[:, 0], state
    past = model.symbols(prompt.to(device)).expand(count, -1)
    for block in torch.cat([silence, past[:, :-1]], 1).split(BLOCK, 1):
        _, state = model.advance(block, state)
    return past[:, -1], state
