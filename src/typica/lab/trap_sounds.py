"""The likelihood trap in sound: how near continuations by the shipped WaveNet are to recordings."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.model import AutoregressiveModel
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.core.run import SHIPPED, Run
from typica.engines.compiler import compile as compile_engine
from typica.lab.trap_domain import (
    ANCESTRAL,
    Domain,
    Levels,
    beam,
    decode,
    drawn,
    greedily,
    many_ways,
    score,
)
from typica.streaming.monitoring import FILE
from typica.typicality.monitor.ear import Ear, Frames
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.reference import SILENT_DB, Reference

RUN = "demo"
READ_AT_ONCE = 16  # sequences: each sample is read as 256 log-probabilities


class Size(NamedTuple):
    """How much is decoded."""

    prompts: int = 16
    prompt_s: float = 4.0  # that the model draws itself; what is judged follows
    length: int = 4096  # samples
    own: int = 12  # samples from each prompt that its entropy is estimated by
    times: int = 2


SIZE = Size()


def sounds(seed: int, size: Size, progress: Progress) -> Domain:
    """Go on from moments of the model's own music in many ways, and compare with recordings."""
    run = Run(SHIPPED / RUN)
    monitor = Monitor.load(SHIPPED / RUN / FILE)
    engine = compile_engine(cast(AutoregressiveModel, run.model))
    generator = seeded(seed)
    state = _moments(engine, size, round(size.prompt_s * run.rate), generator)

    own_way = [drawn(ANCESTRAL, times=size.own)]
    told = "sounds: the model's own"
    own = decode(engine, state, size.length, own_way, generator, progress, told)
    ways = [*many_ways(size.times), greedily(), beam(8)]
    ways = list({way.name: way for way in ways if way.name not in ("beam 5", "beam 20")}.values())
    every = decode(engine, state, size.length, ways, generator, progress, "sounds")

    levels = Levels.of(own.row, score(engine, state, own, READ_AT_ONCE))
    scored = score(engine, state, every, READ_AT_ONCE)
    audio = engine.model.render(every.symbols)
    return Domain(
        name="sounds",
        symbol="sample",
        d=levels.d(every.row, scored),
        z=scored.z,
        cluster=every.row,
        way=every.way,
        quality=qualities(audio, monitor),
        own=levels.own,
        remark=(
            f"{len(every.way)} continuations of {size.length} samples at {run.rate} Hz, from "
            f"{size.prompts} moments of the shipped run's own music; recordings held out of its "
            f"training are what spectrum and level are compared with, in decibels"
        ),
    )


def _moments(engine: Engine, size: Size, length: int, generator: torch.Generator) -> EngineState:
    return engine.draw(engine.start(size.prompts), length, generator=generator).state


def qualities(audio: Tensor, monitor: Monitor) -> dict[str, NDArray]:
    """Compare audio (count, 1, time) with the recordings that a monitor has heard; 0 is best.

    Returns:
        Nearness of the mean mel spectrum's shape and of the level, in decibels below 0, and the
        share of frames that are not silent less 1.
    """
    heard = [_hear(one, monitor) for one in audio[:, 0].numpy()]
    reference = monitor.reference
    return {
        "spectrum": np.array([-_spectral_distance(frames, reference) for frames in heard]),
        "level": np.array([-_level_distance(frames, reference) for frames in heard]),
        "sounding": np.array(
            [(frames.level_db > reference.silence_db).mean() - 1 for frames in heard]
        ),
    }


def _hear(audio: NDArray, monitor: Monitor) -> Frames:
    hop = monitor.grid.hop
    frames, _ = Ear.fresh(monitor.grid).hear(audio[: len(audio) // hop * hop])
    return frames


def _spectral_distance(frames: Frames, reference: Reference) -> float:
    """Return the root mean square over bands of the difference of shapes, in decibels."""
    mean = np.maximum(frames.spectrum_db, reference.floor_db).mean(0)
    difference = (mean - mean.mean()) - (reference.mean_db - reference.mean_db.mean())
    return float(np.sqrt(np.square(difference).mean()))


def _level_distance(frames: Frames, reference: Reference) -> float:
    usual = reference.silence_db + SILENT_DB
    return abs(float(10 * np.log10(max(frames.power.mean(), 1e-10))) - usual)
