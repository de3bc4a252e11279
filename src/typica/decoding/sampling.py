"""Drawing symbol after symbol: ancestral sampling or a strategy, after a prompt."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from typica.core.coder import DiscreteAutoencoder
from typica.core.condition import Condition
from typica.core.drawable import Drawable, is_drawable, steps_of
from typica.core.engine import Engine, check_draw
from typica.core.errors import ConfigError
from typica.core.model import Model
from typica.core.progress import SILENT, Progress
from typica.core.randomness import Randomness
from typica.core.strategy import Strategy
from typica.decoding.sequences import Way, draw_rows, widened
from typica.expressions import cached


class Drawn(NamedTuple):
    """What was drawn, and how likely it was.

    Attributes:
        audio: Shape (count, channels, time); the prompt is not in it.
        log_prob: Log-likelihood under the model, in nats, shape (count,); None for a model that
            is not autoregressive.
        log_draw: Log-likelihood under the distributions it was drawn from (they differ from the
            model's at temperatures other than 1 and by strategies), in nats, shape (count,), or
            None.
        engine: What computed.
        lengths: Symbols of each example, its end among them, (count,); None where models know no
            end.
        entropies: Conditional entropies of the model before each draw, in nats, (count, length),
            if asked for.
        varentropies: Conditional variances of -log p, in nats squared, if asked for.
    """

    audio: Tensor
    log_prob: Tensor | None = None
    log_draw: Tensor | None = None
    engine: str = "torch"
    lengths: Tensor | None = None
    entropies: Tensor | None = None
    varentropies: Tensor | None = None


def draw_audio(model: Model, count: int, length: int, **settings: Any) -> Tensor:
    """Draw audio from any model, shape (count, channels, length): `draw_samples` without more."""
    return draw_samples(model, count, length, **settings).audio


def draw_samples(
    model: Model,
    count: int,
    length: int,
    *,
    temperature: float = 1.0,
    strategy: Strategy | None = None,
    spread: bool = False,
    generator: Randomness = None,
    prompt: Tensor | None = None,
    condition: Condition | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Drawn:
    """Draw from any model.

    Arguments are those of `ancestral`; those of a discrete autoencoder are for its decoder, which
    is told codes from the uniform prior, and it takes no prompt. Any other model that is not
    autoregressive takes no temperature, no strategy, no prompt, and one generator.

    Raises:
        ConfigError: The model cannot take what was asked.
    """
    if is_drawable(model):
        # Weights that are computed are computed once, not at every sample.
        with cached(model):
            return ancestral(
                model,
                count,
                length,
                temperature=temperature,
                strategy=strategy,
                spread=spread,
                generator=generator,
                prompt=prompt,
                condition=condition,
                engine=engine,
                progress=progress,
            )
    if isinstance(model, DiscreteAutoencoder):
        if prompt is not None:
            raise ConfigError(
                f"the codes of {type(model).__name__} are drawn at random: it takes no prompt"
            )
        with torch.no_grad():
            told = model.tell(model.draw_codes(count, model.frames(length), generator), condition)
        drawn = draw_samples(
            model.decoder,
            count,
            length,
            temperature=temperature,
            strategy=strategy,
            spread=spread,
            generator=generator,
            condition=told,
            engine=engine,
            progress=progress,
        )
        # They were of the decoder, given codes: what the model itself finds is less.
        return drawn._replace(log_prob=None, log_draw=None)
    name = type(model).__name__
    if temperature != 1 or strategy is not None or prompt is not None or spread:
        raise ConfigError(
            f"{name} is not autoregressive: it takes no temperature, no strategy and no prompt, "
            f"and tells no entropies"
        )
    if not (generator is None or isinstance(generator, torch.Generator)):
        raise ConfigError(f"{name} is not autoregressive: it draws from one generator")
    with torch.no_grad():
        audio = model.sample(count, length, condition=condition, generator=generator)
    return Drawn(audio)


def ancestral(
    model: Drawable,
    count: int,
    length: int,
    *,
    temperature: float = 1.0,
    strategy: Strategy | None = None,
    spread: bool = False,
    generator: Randomness = None,
    prompt: Tensor | None = None,
    condition: Condition | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Drawn:
    """Draw symbol after symbol, each from its distribution given those before.

    Without a strategy, or with one that changes nothing, it is ancestral sampling.

    Args:
        model: An autoregressive model, or another that an engine draws from.
        count: Examples, drawn side by side.
        length: Symbols of each.
        temperature: 1 draws what the model says; less is more sure of itself, 0 takes the most
            likely.
        strategy: What chooses each symbol, of its distribution at that temperature:
            `typica.decoding.words.strategy_from` reads it from words.
        spread: Whether entropies and varentropies are wanted.
        generator: Where the randomness comes from: one generator, or one for each example, so that
            an example does not depend on how many are drawn beside it.
        prompt: Audio to go on from, (1 or count, channels, time).
        condition: What the model is told; it begins where the prompt does.
        engine: What takes the steps, where something faster than the model was compiled of it
            (`typica.engines`).
        progress: Hears how far it is.

    Raises:
        ConfigError: The temperature is below 0, there is nothing to draw, or the strategy has no
            meaning for the model.
    """
    check_draw(length, temperature)
    engine = engine or steps_of(model)
    model = engine.model  # of a cascade, the lowest level
    state = engine.start(count, condition=condition, prompt=prompt)
    way = Way(temperature, strategy, generator, spread)
    with progress.task("sampling", total=length, unit="samples") as task:
        found = draw_rows(engine, state, length, way, task, range(count))
    found = widened(found, length, model.final)
    return Drawn(
        *(model.render(found.symbols), found.log_prob.cpu(), found.log_draw.cpu(), engine.name),
        lengths=None if model.final is None else found.lengths,
        entropies=found.entropies,
        varentropies=found.varentropies,
    )
