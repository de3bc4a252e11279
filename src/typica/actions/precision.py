"""What rounded weights cost a run, measured on recordings that were held out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import Engine
from typica.core.errors import DataError, RunError
from typica.core.randomness import seeded
from typica.core.run import Run
from typica.data.corpus import Corpus
from typica.data.of_run import corpus_of
from typica.engines.compiler import compile
from typica.engines.cost import PrecisionCost, precision_cost
from typica.evaluation.stretches import excerpts, held_out_split

EXCERPTS = 8  # read side by side


class MeasuredCost(NamedTuple):
    """What an engine costs a run.

    Attributes:
        cost: Against the model.
        sentence: What it is, and what it was measured on.
    """

    cost: PrecisionCost
    sentence: str


def measure_precision(run: Run, engine: Engine, *, seconds: float = 8.0) -> MeasuredCost:
    """Measure what an engine costs on held-out recordings of a run's corpus.

    Where there are none at hand it is measured on samples that the run draws itself, with its
    weights unrounded; the sentence says so.

    Args:
        run: A run.
        engine: Of its model, with rounded weights.
        seconds: Audio that is read, all excerpts together.

    Raises:
        DataError: There are none at hand, and without them there is nothing to tell the run.
    """
    length = max(1, round(seconds * run.rate / EXCERPTS))
    try:
        corpus = corpus_of(run)
    except DataError:
        return _on_own_samples(run, engine, length, "its corpus is not on this machine")
    except RunError:
        return _on_own_samples(run, engine, length, "its corpus is at another rate by now")
    split = held_out_split(corpus)
    if not corpus.recordings(split):
        return _on_own_samples(run, engine, length, f"nothing was held out of {corpus.name}")
    cost = precision_cost(engine, engine.model, *_held_out(run, corpus, split, length))
    return MeasuredCost(cost, f"{_figures(engine, cost)} on held-out recordings of {corpus.name}")


def _held_out(run: Run, corpus: Corpus, split: str, length: int) -> tuple[Tensor, Condition | None]:
    """Return excerpts of recordings, all as long as the shortest, and what is told beside them."""
    step = run.model.alignment
    chosen = excerpts(corpus, split, EXCERPTS, length)
    chosen = [one._replace(start=one.start - one.start % step) for one in chosen]
    length = min(one.length for one in chosen)
    audio = [corpus.audio(one.recording, one.start, one.start + length) for one in chosen]
    recordings, starts = [one.recording for one in chosen], [one.start for one in chosen]
    told = corpus.condition(recordings, starts, length, tuple(run.model.needs))
    return torch.stack(audio), told or None


def _on_own_samples(run: Run, engine: Engine, length: int, reason: str) -> MeasuredCost:
    if run.model.needs:
        raise DataError(
            f"what {engine.name} costs cannot be measured: {run.name} is told "
            f"{', '.join(run.model.needs)}, and {reason}; ask for weights=float32"
        )
    exact = compile(run.model, say=lambda _: None)
    drawn = exact.draw(exact.start(EXCERPTS), length, generator=seeded(0)).symbols
    cost = precision_cost(engine, engine.model, engine.model.render(drawn))
    where = f"on samples of {run.name} itself, for {reason}"
    return MeasuredCost(cost, f"{_figures(engine, cost)} {where}")


def _figures(engine: Engine, cost: PrecisionCost) -> str:
    error = "" if cost.error is None else f" (standard error {cost.error:.1g})"
    divergence = "" if cost.kl is None else f" and {cost.kl:.1e} nats of divergence"
    return f"{engine.name} costs {cost.bits:.1e} bits a sample{error}{divergence}, measured"
