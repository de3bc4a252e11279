"""Streaming from a run, endlessly, to wherever it shall be heard."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from typica.actions.conditions import condition_for
from typica.actions.decode import Planned, plan_for
from typica.actions.precision import measure_precision
from typica.actions.prompt import read_prompt
from typica.core.condition import Condition
from typica.core.drawable import is_drawable
from typica.core.engine import Engine, check_draw
from typica.core.errors import ConfigError, RunError, TypicaError
from typica.core.files import check_writable, write_json
from typica.core.model import Model
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded
from typica.core.run import Run, load
from typica.decoding.plan import plan_from
from typica.engines.compiler import Backend, Weights
from typica.engines.compiler import compile as compile_engine
from typica.streaming.airing import Aired, Airing
from typica.streaming.bookmark import check_bookmark, check_place
from typica.streaming.chronicle import as_json
from typica.streaming.destination import Destination
from typica.streaming.performance import Performance, perform
from typica.streaming.server import listen
from typica.training.interruption import Interruption


@dataclass(frozen=True)
class Music:
    """What shall be played.

    Attributes:
        temperature: Below 1, the model is surer of itself; the run's own if left out, mostly 1.
        strategy: What chooses each symbol, in the words of `typica.decoding.plan.plan_from`; the
            run's own if left out, mostly "ancestral".
        seed: The same seed gives the same stream on the same machine. Left out it is 0, or with a
            `state` the draws go on; with both, it is another continuation of the same past.
        prompt: A recording to go on from.
        label: Class to draw, for a run that is told labels.
        state: Folder that another stream was told to save its state to: this one goes on from it.
        monitor: Whether to watch for silence, loops and noise, and to go back where they begin.
        conditions: Classes that it is told besides the label, as in "pitch=60".
    """

    temperature: float | None = None
    strategy: str | None = None
    seed: int | None = None
    prompt: Path | None = None
    label: str | None = None
    state: Path | None = None
    monitor: bool = True
    conditions: Sequence[str] = ()

    def check(self) -> None:
        """Refuse what contradicts itself, and a state that is none.

        Raises:
            TypicaError: It does, or it is none.
        """
        check_draw(1, 1.0 if self.temperature is None else self.temperature)
        plan_from(self.strategy or "ancestral")
        if self.state is not None:
            check_bookmark(self.state)
        given = {
            "--prompt": self.prompt is not None,
            "--label": self.label is not None,
            "--condition": bool(self.conditions),
        }
        for option in (name for name, is_given in given.items() if is_given):
            if self.state is not None:
                raise ConfigError(f"--state goes on as that stream began: leave {option} out")

    def generator(self, device: str) -> torch.Generator | None:
        """Return where the randomness comes from, None for where a state's stands."""
        if self.seed is None and self.state is not None:
            return None
        return seeded(self.seed or 0, device)


@dataclass(frozen=True)
class Computing:
    """What shall compute.

    Attributes:
        device: cpu, cuda, mps or auto.
        weights: How an engine keeps them: see `typica.engines.compiler.compile`.
        backend: What it computes with.
        threads: Processors to compute on; torch's own number if left out.
    """

    device: str = "auto"
    weights: Weights = "float32"
    backend: Backend = "auto"
    threads: int | None = None

    def engine(self, run: Run, model: Model, say: Callable[[str], None]) -> Engine:
        """Compile a run's model; say what its weights cost if they are rounded.

        Raises:
            TypicaError: There is no such engine, or what it costs cannot be measured.
        """
        if self.threads is not None:
            torch.set_num_threads(self.threads)  # of what is drawn by the module's own steps
        engine = compile_engine(
            model, weights=self.weights, backend=self.backend, threads=self.threads, say=say
        )
        if self.weights != "float32":
            say(measure_precision(run, engine).sentence)
        return engine


@dataclass(frozen=True)
class Traces:
    """What shall be left when a stream has ended.

    Attributes:
        report: JSON file of all that happened, or None.
        state: Folder for all it takes to go on from where the stream was heard to, or None.
    """

    report: Path | None = None
    state: Path | None = None

    def check(self) -> None:
        """Refuse places that cannot be written to.

        Raises:
            TypicaError: One cannot.
        """
        if self.report is not None:
            check_writable(self.report)
        if self.state is not None:
            check_place(self.state)

    def write(
        self, performance: Performance, aired: Aired, head: Mapping[str, Any]
    ) -> list[TypicaError]:
        """Write them, and return what went wrong: the stream's own errors come before."""
        faults: list[TypicaError] = []
        try:
            if self.state is not None and aired.heard is not None:
                performance.bookmark(aired.heard).save(self.state)
        except TypicaError as error:
            faults.append(error)
        try:
            if self.report is not None:
                played = {"performance": performance.report()}
                write_json(self.report, as_json({**head, **aired.report(), **played}))
        except TypicaError as error:
            faults.append(error)
        return faults


def stream(
    run: str | Path,
    to: Destination = Destination(),  # noqa: B008 - it is a value
    *,
    http: str | None = None,
    seconds: float | None = None,
    music: Music = Music(),  # noqa: B008
    computing: Computing = Computing(),  # noqa: B008
    leaving: Traces = Traces(),  # noqa: B008
    progress: Progress = SILENT,
) -> Aired:
    """Stream from a run until it is long enough, or is interrupted, or nobody takes it any more.

    Ctrl-C and SIGTERM end it in order: what is written is whole.

    Args:
        run: A run or one of its checkpoints, of an autoregressive system.
        to: Where it goes; the sound card, if nothing is asked for and `http` neither.
        http: Address to serve the page and the endless files at, as in "127.0.0.1:8000".
        seconds: Length; endless if left out.
        music: What is played.
        computing: What computes.
        leaving: What is written at the end, also after an error.
        progress: Hears what computes, how fast, where to listen, and events as they come.

    Raises:
        TypicaError: What was asked for does not fit the run or this machine, or went wrong.
    """
    music.check()
    leaving.check()
    with ExitStack() as held:
        web = held.enter_context(listen(http)) if http is not None else None
        opened = load(run, computing.device)
        model, length = _streamable(opened), _length(seconds, opened.rate)
        sinks = to.sinks(length=length, served=web is not None)
        engine = computing.engine(opened, model, progress.say)
        planned = plan_for(opened, music.strategy, music.temperature)
        performance = _perform(opened, engine, music, planned, progress)
        progress.say(f"{opened.name} at {opened.rate} Hz, computed by {engine.name}")
        about: dict[str, Any] = {
            "title": opened.name,
            "engine": engine.name,
            "limits": performance.limits,
        }
        airing = Airing(performance, sinks, http=web, length=length, say=progress.say, **about)
        interruption = held.enter_context(Interruption())
        aired = airing.run(lambda: interruption.asked, to_the_end=leaving.state is not None)
    faults = leaving.write(performance, aired, _head(opened, engine, music, planned))
    for error in [*aired.errors, *faults]:
        raise error
    return aired


def _length(seconds: float | None, rate: int) -> int | None:
    """Return the samples of a stream, None if it is endless."""
    if seconds is None:
        return None
    if not 0 < seconds < math.inf:
        raise ConfigError(f"seconds must be above 0, got {seconds:g}; leave them out to go on")
    return max(1, round(seconds * rate))


def _streamable(run: Run) -> Model:
    model = run.model
    if not is_drawable(model):
        raise RunError(f"{run.system} cannot be streamed: it is not autoregressive")
    dense = [name for name, need in model.needs.items() if need.hop is not None]
    if dense:
        raise RunError(
            f"{run.name} follows {', '.join(dense)}, which end: `typica sample --like` draws it"
        )
    return model


def _perform(
    run: Run, engine: Engine, music: Music, planned: Planned, progress: Progress
) -> Performance:
    """Begin to play, or go on from a state, which knows what the run was told."""
    begins = music.state is None
    return perform(
        engine,
        run,
        temperature=planned.temperature,
        strategy=planned.strategy,
        generator=music.generator(run.device),
        condition=_condition(run, music) if begins else None,
        prompt=read_prompt(run, music.prompt),
        state=music.state,
        monitor=music.monitor,
        progress=progress,
    )


def _condition(run: Run, music: Music) -> Condition | None:
    return condition_for(run, 1, 1, label=music.label, conditions=music.conditions)


def _head(run: Run, engine: Engine, music: Music, planned: Planned) -> dict[str, Any]:
    """Return what a report begins with."""
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    computed = {"run": str(run.path), "engine": engine.name, "rate": run.rate, "ended": ended}
    played = asdict(music) | {
        "temperature": planned.temperature,
        "strategy": str(planned.plan),
    }
    if music.state is None:
        played["seed"] = music.seed or 0
    return computed | played
