"""What counts as a trap when a model plays: limits from held-out recordings.

How recordings sound is one thing for all checkpoints of a run. How sure a model is of what comes
is its own: the band of the entropy is found anew for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from typica.core.drawable import Drawable
from typica.core.errors import DataError
from typica.core.progress import SILENT, Progress
from typica.typicality.monitor.ear import Ear, Frames
from typica.typicality.monitor.grid import FRAMES_A_TICK, Grid
from typica.typicality.monitor.hearing import BLOCK_TICKS, Heard, as_mono
from typica.typicality.monitor.monitor import Monitor

ENTROPY = "entropy"


def sound_limits(
    model: Drawable,
    recordings: Iterable[Tensor],
    rate: int,
    progress: Progress = SILENT,
) -> Monitor:
    """Return a monitor of level, noise, spectrum, loops and silence; of no model's certainty.

    Args:
        model: Tells how coarse the recordings are heard; its weights do not matter.
        recordings: Held out, each (1, time), at `rate`.
        rate: Hertz.
        progress: Hears how far it is.

    Raises:
        DataError: The recordings are too short.
    """
    grid = Grid(rate)
    heard = []
    with progress.task("listening to recordings", unit="s") as task:
        for audio in recordings:
            heard.append(_sounds(model, audio, grid))
            task.advance(audio.shape[-1] / rate)
    found = Monitor.of(heard, grid)
    if found.blindness:
        progress.say(f"limits of traps: {found.blindness}")
    return found.without("martingale").without(ENTROPY)


def with_band(sounds: Monitor, heard: Sequence[Heard]) -> Monitor:
    """Add the band of the entropy that a model had on recordings it went along.

    Under about a minute of them tells nothing; then there is none.
    """
    try:
        own = Monitor.of(heard, sounds.grid)
    except DataError:
        return sounds
    names = {gauge.name for gauge in own.gauges if gauge.statistic == ENTROPY}
    band = {name: limit for name, limit in own.limits.items() if name in names}
    return replace(sounds, limits={**sounds.limits, **band})


def after(heard: Heard, ticks: int) -> Heard:
    """Leave out the first ticks: those that a model needs to come into a recording."""
    frames = (column[ticks * FRAMES_A_TICK :] for column in heard.frames)
    return Heard(heard.totals[ticks:], Frames(*frames))


def _sounds(model: Drawable, audio: Tensor, grid: Grid) -> Heard:
    """Listen to a recording (1, time), as coarse as the model does; of the model, nothing."""
    ear, parts = Ear.fresh(grid), [Frames.none()]
    for block in _blocks(audio, grid):
        frames, ear = ear.hear(as_mono(model.render(model.symbols(block[None]))))
        parts.append(frames)
    frames = Frames(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Heard(np.zeros((len(frames.power) // FRAMES_A_TICK, 3)), frames)


def _blocks(audio: Tensor, grid: Grid) -> Iterator[Tensor]:
    whole = audio[:, : audio.shape[1] // grid.tick * grid.tick]
    yield from whole.split(BLOCK_TICKS * grid.tick, 1) if whole.numel() else ()
