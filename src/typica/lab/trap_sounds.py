"""The likelihood trap in sound: how near continuations by the shipped WaveNet are to recordings."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.model import AutoregressiveModel
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.core.run import SHIPPED, Run
from typica.engines.compiler import compile as compile_engine
from typica.lab.trap_domain import (
    ANCESTRAL,
    Domain,
    Levels,
    decode,
    drawn,
    many_ways,
    redrawing,
    score,
)
from typica.streaming.monitoring import FILE
from typica.typicality.monitor.ear import TINY, Ear, Frames
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.reference import Reference

RUN = "demo"
TRIED = 3  # moments that are drawn for each that is wanted: many are still silent
READ_AT_ONCE = 16  # sequences: each sample is read as 256 log-probabilities


class Size(NamedTuple):
    """How much is decoded."""

    prompts: int = 50
    prompt_s: float = 3.0  # that the model draws itself; what is judged follows
    length: int = 1280  # samples
    own: int = 6  # samples from each prompt that its entropy is estimated by
    times: int = 1


SIZE = Size()


def sounds(seed: int, size: Size, progress: Progress) -> Domain:
    """Go on from moments of the model's own music in many ways, and compare with recordings."""
    run = Run(SHIPPED / RUN)
    monitor = Monitor.load(SHIPPED / RUN / FILE)
    engine = compile_engine(cast(AutoregressiveModel, run.model))
    generator = seeded(seed)
    begun = engine.draw(
        engine.start(TRIED * size.prompts), round(size.prompt_s * run.rate), generator=generator
    )
    prompts = engine.model.render(begun.symbols[:, -size.length :])
    rows = _sounding(prompts, monitor)[: size.prompts]
    state, prompts = begun.state.pick(rows), prompts[rows]

    own_way = [drawn(ANCESTRAL, times=size.own)]
    told = "sounds: the model's own"
    own = decode(engine, state, size.length, own_way, generator, progress, told)
    ways = many_ways(size.times, widths=())
    every = decode(engine, state, size.length, ways, generator, progress, "sounds")

    levels = Levels.of(own.row, score(engine, state, own, READ_AT_ONCE), len(rows))
    scored = score(engine, state, every, READ_AT_ONCE)
    audio = engine.model.render(every.symbols)
    return Domain(
        name="sounds",
        symbol="sample",
        d=levels.d(every.row, scored.nll),
        z=scored.z,
        cluster=every.row,
        way=every.way,
        quality=qualities(audio, prompts[torch.from_numpy(every.row)], monitor),
        own=levels.own,
        symbols=every.symbols.tolist(),
        again=redrawing(levels, every.row, scored.nll),
        remark=(
            f"{len(every.way)} continuations of {size.length} samples at {run.rate} Hz, from "
            f"{len(rows)} moments of the shipped run's own music that are not "
            f"silent. Flatness and spectrum are compared with what recordings held out of its "
            f"training usually are, level with the moment before. The recordings are not "
            f"shipped, so none has a place here."
        ),
    )


def _sounding(prompts: Tensor, monitor: Monitor) -> list[int]:
    """Return which prompts are louder than the recordings' silence, in rising order."""
    levels = [_level(_hear(one, monitor)) for one in prompts[:, 0].numpy()]
    return [row for row, level in enumerate(levels) if level > monitor.reference.silence_db]


def qualities(audio: Tensor, before: Tensor, monitor: Monitor) -> dict[str, NDArray]:
    """Compare audio (count, 1, time) with the recordings that a monitor has heard; 0 is best.

    Args:
        audio: What is judged.
        before: What each goes on from, (count, 1, time).
        monitor: Knows how recordings usually sound.

    Returns:
        Nearness of the usual logarithm of the spectral flatness, which noise raises and a pure
        tone lowers; of the shape of the mean mel spectrum, frame by frame, in decibels; and of the
        level before, in decibels. All are distances with a minus.
    """
    heard = [_hear(one, monitor) for one in audio[:, 0].numpy()]
    past = [_hear(one, monitor) for one in before[:, 0].numpy()]
    usual = monitor.limits["flatness 1 s"].usual
    return {
        "flatness": np.array([-abs(frames.flatness.mean() - usual) for frames in heard]),
        "spectrum": np.array([-_spectral_distance(one, monitor.reference) for one in heard]),
        "level": np.array(
            [-abs(_level(one) - _level(other)) for one, other in zip(heard, past, strict=True)]
        ),
    }


def _hear(audio: NDArray, monitor: Monitor) -> Frames:
    """Hear whole frames; the first, which begin in silence, are left out."""
    hop, frame = monitor.grid.hop, monitor.grid.frame
    frames, _ = Ear.fresh(monitor.grid).hear(audio[: len(audio) // hop * hop])
    return Frames(*(column[frame // hop - 1 :] for column in frames))


def _spectral_distance(frames: Frames, reference: Reference) -> float:
    """Return the root mean square over bands of the difference of shapes, mean over frames."""
    shape = np.maximum(frames.spectrum_db, reference.floor_db)
    shape = shape - shape.mean(1, keepdims=True)
    difference = shape - (reference.mean_db - reference.mean_db.mean())
    return float(np.sqrt(np.square(difference).mean(1)).mean())


def _level(frames: Frames) -> float:
    return float(10 * np.log10(max(frames.power.mean(), TINY)))
