"""Going through recordings with a model: what it says of them, and how they sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import Draws, Engine
from typica.core.errors import DataError
from typica.core.progress import SILENT, Progress
from typica.typicality.monitor.ear import Ear, Frames
from typica.typicality.monitor.grid import FRAMES_A_TICK, Grid
from typica.typicality.monitor.ledger import Steps
from typica.typicality.surprisal import measure

BLOCK_TICKS = 16

Recording = Tensor | tuple[Tensor, Condition]


class Heard(NamedTuple):
    """A recording, or a stream, tick by tick: all that a monitor keeps of it.

    Attributes:
        totals: Excess surprisal, variance and entropy of each tick, (ticks, 3).
        frames: How it sounds.
    """

    totals: NDArray[np.float64]
    frames: Frames

    def ticks(self) -> Iterator[tuple[NDArray[np.float64], Frames]]:
        """Yield a tick after another."""
        for number, totals in enumerate(self.totals):
            part = slice(number * FRAMES_A_TICK, (number + 1) * FRAMES_A_TICK)
            yield totals, Frames(*(column[part] for column in self.frames))


def hear_all(
    engine: Engine,
    recordings: Iterable[Recording],
    grid: Grid,
    progress: Progress = SILENT,
) -> list[Heard]:
    """Go through recordings, each (1, time), with the model; rests of a tick are left out.

    A model that is told something gets pairs of audio and condition. What is kept of an hour at
    8 kHz is 40 MB, and memory beyond that is that of a block.

    Raises:
        DataError: None is as long as a tick, or the model gives a sample no probability.
    """
    found = []
    with progress.task("listening", unit="s") as task:
        for recording in recordings:
            audio, told = recording if isinstance(recording, tuple) else (recording, None)
            found.append(hear(engine, audio, grid, told))
            task.advance(audio.shape[-1] / grid.rate)
    kept = [one for one in found if len(one.totals)]
    if not kept:
        raise DataError("no recording is long enough to calibrate the monitor on")
    return kept


def hear(engine: Engine, audio: Tensor, grid: Grid, condition: Condition | None = None) -> Heard:
    """Go through one recording, (1, time), of which the model may be told something."""
    model = engine.model
    device = next(model.parameters()).device
    symbols = model.symbols(audio[None].to(device))
    symbols = symbols[:, : symbols.shape[1] // grid.tick * grid.tick]
    state, ear = engine.start(1, condition=condition), Ear.fresh(grid)
    heard = [Heard(np.zeros((0, 3)), Frames.none())]
    if not symbols.numel():
        return heard[0]
    for block, distribution in engine.follow_in_parts(symbols, state, BLOCK_TICKS * grid.tick):
        surprisal, *spread = (one[0].cpu().double().numpy() for one in measure(distribution, block))
        frames, ear = ear.hear(as_mono(model.render(block)))
        heard.append(Heard(tick_totals(Steps(-surprisal, *spread), grid), frames))
    return _joined(heard)


def hear_draws(
    engine: Engine,
    count: int,
    seconds: float,
    grid: Grid,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    prompt: Tensor | None = None,
    progress: Progress = SILENT,
) -> list[Heard]:
    """Let the model play several streams side by side, and listen to them.

    Args:
        engine: Draws.
        count: Streams.
        seconds: Of each; a rest of a tick is left out.
        grid: The sizes.
        temperature: 1 draws what the model says.
        generator: Where the randomness comes from.
        prompt: Audio to go on from, (1 or count, 1, time).
        progress: Hears how far it is.
    """
    state, ears = engine.start(count, prompt=prompt), [Ear.fresh(grid)] * count
    heard: list[list[Heard]] = [[] for _ in range(count)]
    ticks = int(seconds / grid.tick_s)
    with progress.task("playing", ticks * grid.tick_s, "s") as task:
        for _ in range(ticks):
            draws = engine.draw(
                state, grid.tick, temperature=temperature, generator=generator, spread=True
            )
            state = draws.state
            sounds = engine.model.render(draws.symbols)
            for row in range(count):
                frames, ears[row] = ears[row].hear(as_mono(sounds[row : row + 1]))
                heard[row].append(Heard(tick_totals(steps_of(draws, row), grid), frames))
            task.advance(grid.tick_s)
    return [_joined(parts) for parts in heard]


def steps_of(draws: Draws, row: int = 0) -> Steps:
    """Return what the model said of one of the streams that were drawn with their spread."""
    assert draws.entropy is not None
    assert draws.varentropy is not None
    columns = (draws.log_prob, draws.entropy, draws.varentropy)
    return Steps(*(column[row].cpu().double().numpy() for column in columns))


def _joined(parts: list[Heard]) -> Heard:
    frames = (np.concatenate(column) for column in zip(*(one.frames for one in parts), strict=True))
    return Heard(np.concatenate([one.totals for one in parts]), Frames(*frames))


def tick_totals(steps: Steps, grid: Grid) -> NDArray[np.float64]:
    """Sum steps (ticks * tick,) up by ticks, (ticks, 3)."""
    cut = (column.reshape(-1, grid.tick) for column in steps)
    return np.array([Steps(*tick).totals for tick in zip(*cut, strict=True)]).reshape(-1, 3)


def as_mono(audio: Tensor) -> NDArray[np.float32]:
    """Return audio (1, 1, time) as an array (time,)."""
    return audio[0, 0].to("cpu", torch.float32).numpy()
