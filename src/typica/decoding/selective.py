"""Selective sampling: whole sequences of a chosen likelihood, and no others.

Sequences are drawn and those whose likelihood lies outside a band are thrown away, so that what is
kept follows the model restricted to the band, exactly. A band below the entropy does what a
temperature of the whole sequence does, which a temperature of each step does not.

Source: Zhang et al. 2020, "Trading off diversity and quality in natural language generation",
https://arxiv.org/abs/2004.10450.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from typica.core.counts import check_whole
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress, Task
from typica.core.randomness import Randomness
from typica.core.strategy import Strategy
from typica.decoding.generation import Generation
from typica.decoding.placing import Reference, Unit, own_samples, place
from typica.decoding.sequences import batches, concatenated


@dataclass(frozen=True)
class Band:
    """Likelihoods that are wanted, both ends among them; see `placing.place` for the units.

    Attributes:
        low: The most likely sequence wanted.
        high: The least likely.
        unit: "nats" a symbol above the entropy, "z", or "quantile" of the model's own samples.
    """

    low: float
    high: float
    unit: Unit = "nats"

    def __post_init__(self) -> None:
        if not self.low < self.high:  # which NaN is not either
            raise ConfigError(f"a band needs low < high, got {self.low:g} to {self.high:g}")
        if self.unit == "quantile" and not 0 <= self.low < self.high <= 1:
            raise ConfigError(f"quantiles lie in [0, 1], got {self.low:g} to {self.high:g}")

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} ({self.unit})"


@dataclass(frozen=True, eq=False)
class Selected:
    """What was kept.

    Attributes:
        sequences: In the order they were drawn; where the band is of "z", with entropies and
            varentropies. `log_draw` is that of the drawing, before anything was thrown away.
        place: Coordinate of each in the band's unit, (kept,).
        drawn: Sequences that were drawn.
        accepted: Those of them in the band: more than were kept, if the last batch had too many.
        reference: What the band was measured from; None for "z".
    """

    sequences: Generation
    place: Tensor
    drawn: int
    accepted: int
    reference: Reference | None

    @property
    def acceptance(self) -> float:
        """Share of what was drawn that lies in the band."""
        return self.accepted / self.drawn

    @property
    def acceptance_error(self) -> float:
        """Standard error of `acceptance`."""
        return (self.acceptance * (1 - self.acceptance) / self.drawn) ** 0.5


def selective_sampling(
    engine: Engine,
    state: EngineState,
    length: int,
    band: Band,
    *,
    count: int = 1,
    most: int = 10_000,
    batch: int = 64,
    temperature: float = 1.0,
    strategy: Strategy | None = None,
    reference: Reference | None = None,
    generator: Randomness = None,
    progress: Progress = SILENT,
) -> Selected:
    """Draw whole sequences and keep those whose likelihood under the model lies in a band.

    Args:
        engine: What takes the steps.
        state: Where to go on from, one row.
        length: Symbols of a sequence, at most.
        band: What to keep; it is measured before anything is kept, so that draws stay independent.
        count: Sequences wanted; fewer are returned if `most` hold fewer.
        most: Sequences drawn at most.
        batch: Sequences drawn side by side.
        temperature: Of each step; see `strategy`.
        strategy: What chooses each symbol. With one, or away from temperature 1, what is kept
            follows what was drawn from, in the band. exp(log_prob - log_draw) are importance
            weights for the model in the band, where nothing is left out (`chain.leaves_out`).
        reference: The model's own samples, for "nats" and "quantile"; 512 are drawn if left out.
        generator: Where the randomness comes from: one, or one for each of `most`.
        progress: Hears how many were kept.

    Raises:
        ConfigError: None of the sequences lies in the band; a number is out of its range; or the
            state has several rows.
    """
    check_whole(count=count, most=most, batch=batch)
    if reference is None and band.unit != "z":
        reference = _reference(engine, state, length, batch, generator)
    how: dict[str, Any] = {"temperature": temperature, "strategy": strategy}
    how |= {"spread": band.unit == "z", "generator": generator}
    drawing = batches(engine, state, length, draws=most, batch=batch, **how)
    with progress.task("selective sampling", total=count, unit="sequences") as task:
        return _keep(drawing, band, reference, count, task, engine.model.final)


def _reference(
    engine: Engine, state: EngineState, length: int, batch: int, generator: Randomness
) -> Reference:
    """Draw the model's own samples from the generator that goes on to draw what is kept."""
    if not (generator is None or isinstance(generator, torch.Generator)):
        raise ConfigError(
            "sequences with a generator each leave none for the model's own samples, which the "
            "band is measured from: give a reference"
        )
    return own_samples(engine, state, length, batch=batch, generator=generator)


def _keep(
    drawing: Iterable[Generation],
    band: Band,
    reference: Reference | None,
    count: int,
    task: Task,
    final: int | None,
) -> Selected:
    """Keep what lies in the band, batch by batch, until there is enough."""
    kept, places, seen = [], [], []
    accepted = 0
    for some in drawing:
        at = place(some, band.unit, reference)
        inside = (at >= band.low) & (at <= band.high)
        kept.append(some.pick(inside.nonzero()[:, 0].to(some.source.device)))
        places.append(at[inside])
        seen.append(at)
        task.advance(len(places[-1]))
        accepted += len(places[-1])
        if accepted >= count:
            break
    if not accepted:
        raise ConfigError(_nothing(band, torch.cat(seen)))
    sequences = concatenated(kept, final)
    first = torch.arange(min(count, accepted), device=sequences.source.device)
    drawn = sum(map(len, seen))
    return Selected(sequences.pick(first), torch.cat(places)[:count], drawn, accepted, reference)


def _nothing(band: Band, seen: Tensor) -> str:
    distance = torch.maximum(band.low - seen, seen - band.high)
    nearest = float(seen[distance.argmin()])
    return (
        f"none of {len(seen)} sequences lies in the band {band}, the nearest at {nearest:.3g}: "
        f"widen it, draw more, or draw at another temperature"
    )
