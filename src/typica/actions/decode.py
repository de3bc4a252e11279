"""Carrying a plan out on a run: a strategy for each symbol, or a decoder for whole sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.drawable import is_drawable
from typica.core.engine import Engine, StepEngine
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded, seeded_rows
from typica.core.run import Run
from typica.core.strategy import Strategy
from typica.decoding.chain import Chain
from typica.decoding.decoder import Decoder, Wanted
from typica.decoding.plan import Plan, plan_from
from typica.decoding.sampling import Drawn, draw_samples
from typica.decoding.settings import SamplingConfig


class Planned(NamedTuple):
    """How a run is to be drawn from.

    Attributes:
        plan: The strategy or decoder.
        temperature: Of each step.
    """

    plan: Plan
    temperature: float

    def __str__(self) -> str:
        at = "" if self.temperature == 1 else f" at temperature {self.temperature:g}"
        return f"{self.plan}{at}"

    @property
    def strategy(self) -> Strategy | None:
        """What chooses symbol after symbol, None for ancestral sampling.

        Raises:
            ConfigError: The plan is one for whole sequences.
        """
        if isinstance(self.plan, Decoder):
            raise ConfigError(
                f"{self.plan.name} finds whole sequences: what has no end is drawn by a strategy "
                f"for each sample, as nucleus=0.95"
            )
        return None if self.plan == Chain() else self.plan

    def rows(self, count: int) -> int:
        """Return how many rows `count` sequences go on from: decoders take one."""
        return 1 if isinstance(self.plan, Decoder) else count


def plan_for(
    run: Run,
    strategy: str | None = None,
    temperature: float | None = None,
    numbers: Mapping[str, float | None] | None = None,
) -> Planned:
    """Return what is asked for, or what the run's own table `sampling` says of what is not.

    Args:
        run: The run.
        strategy: In the words of `typica.decoding.plan.plan_from`; None leaves it to the run.
        temperature: Of each step; None leaves it to the run, unless a strategy is asked for.
        numbers: What options say that go with a strategy.

    Raises:
        ConfigError: The words mean nothing, or do not go together.
    """
    own = SamplingConfig.from_dict(run.config.get("sampling", {}), "sampling")
    is_told = strategy is not None or any(value is not None for value in (numbers or {}).values())
    if is_told:
        own = SamplingConfig()
    plan = plan_from(own.strategy if strategy is None else strategy, numbers)
    return Planned(plan, own.temperature if temperature is None else temperature)


def carry_out(
    run: Run,
    planned: Planned,
    engine: Engine | None,
    *,
    count: int,
    length: int,
    seed: int,
    prompt: Tensor | None = None,
    condition: Condition | None = None,
    progress: Progress = SILENT,
) -> tuple[Drawn, str]:
    """Draw or search for sequences.

    Args:
        run: The run.
        planned: How.
        engine: What takes the steps; None for a system that is not autoregressive.
        count: Sequences.
        length: Symbols of each.
        seed: Each sequence has a stream of randomness of its own: the first are the same however
            many are drawn, where they are drawn symbol after symbol.
        prompt: Audio to go on from, (1, channels, time).
        condition: For `planned.rows(count)` sequences.
        progress: Hears how far it is.

    Returns:
        What was drawn, and what is to be said of how it went.

    Raises:
        ConfigError: The system does not take what was asked.
    """
    plan, temperature = planned
    if isinstance(plan, Decoder):
        if engine is None or not is_drawable(run.model):
            raise ConfigError(f"{run.system} is not autoregressive: it takes no {plan.name}")
        if plan.by_module:
            engine = StepEngine(engine.model)
        wanted = Wanted(
            engine,
            count,
            length,
            temperature,
            prompt,
            condition,
            seeded(seed, run.device),
            run.rate,
            progress,
        )
        with torch.no_grad():
            found, note = plan.decode(wanted)
        audio = engine.model.render(found.symbols)
        return Drawn(audio, found.log_prob, found.log_draw, engine.name), note
    streams = seeded(seed, run.device) if engine is None else seeded_rows(seed, count, run.device)
    drawn = draw_samples(
        run.model,
        count,
        length,
        temperature=temperature,
        strategy=planned.strategy,
        generator=streams,
        prompt=prompt,
        condition=condition,
        engine=engine,
        progress=progress,
    )
    return drawn, ""
