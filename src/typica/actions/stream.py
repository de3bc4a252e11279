"""Streaming from a run, endlessly, to wherever it shall be heard."""

from __future__ import annotations

import math
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typica.actions.conditions import condition_for
from typica.actions.prompt import read_prompt
from typica.core.engine import Engine, check_draw
from typica.core.errors import ConfigError, RunError
from typica.core.files import write_json
from typica.core.model import AutoregressiveModel
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded
from typica.core.run import Run, load
from typica.engines.compiler import compile as compile_engine
from typica.streaming.airing import Aired, Airing
from typica.streaming.chronicle import as_json
from typica.streaming.destination import Destination
from typica.streaming.performance import perform
from typica.streaming.server import listen
from typica.training.interruption import Interruption


def stream(
    run: str | Path,
    *,
    out: str | Path | None = None,
    http: str | None = None,
    seconds: float | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    monitor: bool = True,
    report: Path | None = None,
    segment_seconds: float | None = None,
    keep: int | None = None,
    format_: str | None = None,
    prompt: Path | None = None,
    label: str | None = None,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Aired:
    """Stream from a run until it is long enough, or is interrupted, or nobody takes it any more.

    With neither `out` nor `http` it goes to the sound card. Ctrl-C and SIGTERM end it in order:
    what is written is whole, and the report is there.

    Args:
        run: A run or one of its checkpoints, of an autoregressive system.
        out: A sound file, a folder for segments, or "-" for standard output.
        http: Address to serve the page and the endless files at, as in "127.0.0.1:8000".
        seconds: Length; endless if left out.
        temperature: Below 1, the model is surer of itself.
        seed: The same seed gives the same stream on the same machine.
        monitor: Whether to watch for silence, loops and noise, and to go back where they begin.
        report: JSON file to write at the end, of all that happened.
        segment_seconds: Write files of this length, one after the other.
        keep: Segments to keep; all if left out.
        format_: raw, wav or flac, where the name of a file does not say it.
        prompt: A recording to go on from.
        label: Class to draw, for a run that is told labels.
        device: Where to compute.
        progress: Hears what computes, how fast, where to listen, and events as they come.

    Raises:
        TypicaError: Something asked for does not fit the run or this machine, or went wrong on
            the way; the report is written nevertheless.
    """
    check_draw(1, temperature)
    opened = load(run, device)
    length = _length(seconds, opened.rate)
    place = Destination(None if out is None else str(out), format_, segment_seconds, keep)
    sinks = place.sinks(length=length, served=http is not None)
    with ExitStack() as held:
        web = held.enter_context(listen(http)) if http is not None else None
        engine = compile_engine(_autoregressive(opened), say=progress.say)
        performance = perform(
            engine,
            opened,
            temperature=temperature,
            generator=seeded(seed, opened.device),
            condition=condition_for(opened, 1, 1, label=label),
            prompt=read_prompt(opened, prompt),
            monitor=monitor,
            progress=progress,
        )
        progress.say(f"{opened.name} at {opened.rate} Hz, computed by {engine.name}")
        airing = Airing(
            performance,
            sinks,
            http=web,
            length=length,
            title=opened.name,
            engine=engine.name,
            limits=performance.limits,
            say=progress.say,
        )
        interruption = held.enter_context(Interruption())
        aired = airing.run(lambda: interruption.asked)
    if report is not None:
        asked = {"temperature": temperature, "seed": seed, "label": label}
        played = {"performance": performance.report()}
        write_json(report, as_json(_head(opened, engine) | asked | aired.report() | played))
    for error in aired.errors:
        raise error
    return aired


def _length(seconds: float | None, rate: int) -> int | None:
    """Return the samples of a stream, None if it is endless."""
    if seconds is None:
        return None
    if not 0 < seconds < math.inf:
        raise ConfigError(f"seconds must be above 0, got {seconds:g}; leave them out to go on")
    return max(1, round(seconds * rate))


def _autoregressive(run: Run) -> AutoregressiveModel:
    model = run.model
    if not isinstance(model, AutoregressiveModel):
        raise RunError(f"{run.system} cannot be streamed: it is not autoregressive")
    dense = [name for name, need in model.needs.items() if need.hop is not None]
    if dense:
        raise RunError(
            f"{run.name} follows {', '.join(dense)}, which end: `typica sample --like` draws it"
        )
    return model


def _head(run: Run, engine: Engine) -> dict[str, Any]:
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    return {"run": str(run.path), "engine": engine.name, "rate": run.rate, "ended": ended}
