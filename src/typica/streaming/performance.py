"""A performance: an engine that plays without end, and a monitor that leads it out of traps.

Sound is drawn tick by tick, whatever the size of the blocks that are asked for, so that a seed
gives one signal. A tick on which the monitor raises an alarm has not been heard yet: it fades
out into one that is drawn from a state before the drift began, with randomness that was not used
before. The two were drawn apart and are as good as uncorrelated, so the gains keep the sum of
their squares at 1: the sum of the powers stays. Where there is no alarm nothing is changed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError, RunError
from typica.core.progress import SILENT, Progress
from typica.core.run import Run
from typica.core.strategy import Strategy
from typica.streaming.block import Block
from typica.streaming.bookmark import Bookmark, read_bookmark
from typica.streaming.crossfade import crossfade, crossfade_gains
from typica.streaming.monitoring import monitor_for
from typica.streaming.rescue import Rescue
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import as_mono, steps_of
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.watch import Alarm

FADE_S = 0.05
UNHEARD_S = 30.0  # that may lie between the drawing and the hearing: more than sinks hold
BLOCK_TICKS = 2

Event = Mapping[str, object]


class Tick(NamedTuple):
    """What was drawn at once: its sound, what was read in it and what happened."""

    audio: NDArray[np.float32]
    reading: Mapping[str, float]
    events: list[Event]


class Performance:
    """An endless iterator of blocks; see `typica.streaming.block.Performance`.

    With a condition that has frames it is as long as they are.

    Attributes:
        rate: Hertz.
        block: Samples of each block.
        monitor: What watches, or None.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        rate: int,
        monitor: Monitor | None = None,
        temperature: float = 1.0,
        strategy: Strategy | None = None,
        generator: torch.Generator | None = None,
        condition: Condition | None = None,
        prompt: Tensor | None = None,
        bookmark: Bookmark | None = None,
        block: int | None = None,
    ) -> None:
        """Get ready to play.

        Args:
            engine: Draws.
            rate: Hertz of what it draws.
            monitor: Watches; None plays whatever comes.
            temperature: 1 draws what the model says.
            strategy: What chooses each symbol; ancestral sampling if left out.
            generator: Where all randomness comes from: one seed gives one stream. Left out with
                a bookmark, its draws go on.
            condition: What the model is told, for one stream.
            prompt: Audio to go on from, (1, channels, time); it is not played.
            bookmark: Where another performance stopped, to go on from, told what that was told.
            block: Samples of a block; two ticks, about a quarter of a second, if left out.

        Raises:
            ConfigError: The monitor is of another rate, or a block holds nothing.
            RunError: The bookmark is of another rate, or its draws are another device's.
        """
        if monitor is not None and monitor.rate != rate:
            raise ConfigError(f"the monitor is for {monitor.rate} Hz, the stream has {rate} Hz")
        grid = Grid(rate) if monitor is None else monitor.grid
        self.engine, self.rate, self.monitor = engine, rate, monitor
        self.temperature, self.strategy, self.generator = temperature, strategy, generator
        self.block = BLOCK_TICKS * grid.tick if block is None else block
        if self.block < 1:
            raise ConfigError(f"a block must hold at least 1 sample, got {block}")
        self._tick = grid.tick
        self._fade = crossfade_gains(min(grid.tick, round(FADE_S * rate)))
        self._ready: deque[Tick] = deque()
        self._newest: deque[NDArray[np.float32]] = deque()
        self._made = self._given = self._alarmed = 0
        self._reading: Mapping[str, float] = {}
        self._kinds: Counter[str] = Counter()
        self._open = True
        if bookmark is None:
            self._begin(engine.start(1, condition=condition, prompt=prompt))
        else:
            self._go_on(bookmark)

    def _begin(self, state: EngineState) -> None:
        self._state = state
        self._watch = self.monitor.begin() if self.monitor else None
        self._rescue = Rescue.begin(self.rate, state, self._watch) if self._watch else None

    def _go_on(self, bookmark: Bookmark) -> None:
        """Take up what another performance left."""
        if bookmark.rate != self.rate:
            raise RunError(f"the stream was at {bookmark.rate} Hz, the run is at {self.rate} Hz")
        self._begin(bookmark.state)
        if self.monitor and bookmark.watch and bookmark.rescue:
            self._watch, self._rescue = bookmark.watch.copy(), bookmark.rescue.copy()
        if self.generator is None:
            self.generator = bookmark.generator(self.engine.device)
        if len(bookmark.unheard):
            self._made = len(bookmark.unheard)
            self._newest.append(bookmark.unheard)
            self._ready.append(Tick(bookmark.unheard, {}, []))

    def bookmark(self, heard: int) -> Bookmark:
        """Return where it stands, for another performance to go on from.

        Args:
            heard: Samples that were heard. What was drawn beyond them, up to the last 30 s, is
                kept: it comes first.

        Raises:
            ConfigError: It draws from the global generator, which is not its own.
        """
        if self.generator is None:
            raise ConfigError("a stream without a generator of its own has no place to go on from")
        drawn = np.concatenate([np.zeros(0, np.float32), *self._newest])
        return Bookmark(
            self.rate,
            self._state,
            drawn[len(drawn) - min(len(drawn), max(0, self._made - heard)) :],
            self.generator.get_state(),
            self.generator.device.type,
            self._watch.copy() if self._watch else None,
            self._rescue.copy() if self._rescue else None,
        )

    @property
    def limits(self) -> Mapping[str, tuple[float | None, float | None]]:
        """The least and greatest usual value of the readings, by name."""
        limits = self.monitor.limits if self.monitor else {}
        return {name: (limit.low, limit.high) for name, limit in limits.items()}

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        if not self._open:
            raise StopIteration
        while sum(len(tick.audio) for tick in self._ready) < self.block:
            self._ready.append(self._play())
        at, self._given = self._given, self._given + self.block
        parts, events, missing = [], [], self.block
        while missing:
            tick = self._ready.popleft()
            parts.append(tick.audio[:missing])
            events += tick.events
            if len(tick.audio) > missing:
                self._ready.appendleft(tick._replace(audio=tick.audio[missing:], events=[]))
            else:
                self._reading = tick.reading
            missing -= len(parts[-1])
        return Block(np.concatenate(parts), at, self._reading, events)

    def close(self) -> None:
        """Play no more; where it stands can still be marked."""
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def report(self) -> dict[str, Any]:
        """Return how it went: how long, in alarm for which share of it, what was done."""
        return {
            "seconds": self._made / self.rate,
            "temperature": self.temperature,
            "strategy": str(self.strategy or "ancestral"),
            "share_in_alarm": self._alarmed * self._tick / max(1, self._made),
            "interventions": dict(self._kinds),
            "monitor": dict(self.monitor.calibration) if self.monitor else None,
        }

    def _play(self) -> Tick:
        """Draw a tick; on an alarm, another in its place from before the drift."""
        audio, alarm = self._draw()
        events: list[Event] = []
        if alarm is not None and self._rescue is not None:
            self._alarmed += 1
            resort = self._rescue.choose(alarm)
            if resort is not None:
                events = [self._tell(alarm, resort.words)]
            if resort is not None and resort.kept is not None:
                self._state, self._watch = resort.kept.state, resort.kept.watch.copy()
                following, _ = self._draw()
                audio = crossfade(audio, following, self._fade)
        if self._rescue is not None and self._watch is not None:
            self._rescue.keep(self._state, self._watch)
        self._made += self._tick
        self._newest.append(audio)
        while sum(map(len, self._newest)) - len(self._newest[0]) >= UNHEARD_S * self.rate:
            self._newest.popleft()
        return Tick(audio, self._shown(), events)

    def _draw(self) -> tuple[NDArray[np.float32], Alarm | None]:
        """Draw a tick from where the state is, and let the watch read it."""
        draws = self.engine.draw(
            self._state,
            self._tick,
            temperature=self.temperature,
            strategy=self.strategy,
            generator=self.generator,
            spread=self._watch is not None,
        )
        self._state = draws.state
        audio = as_mono(self.engine.model.render(draws.symbols))
        if self._watch is None:
            return audio, None
        return audio, self._watch.read(audio, *steps_of(draws))[1]

    def _tell(self, alarm: Alarm, words: str) -> Event:
        self._kinds[alarm.kind] += 1
        return {
            "at": self._made,
            "kind": alarm.kind,
            "text": f"{alarm.text}; {words}",
            "gauge": alarm.gauge,
            "value": alarm.value,
            "limit": alarm.limit,
            "drift_s": (alarm.at - alarm.since) / self.rate,
            "action": words,
        }

    def _shown(self) -> dict[str, float]:
        reading = self._watch.reading if self._watch else {}
        return {name: mark.value for name, mark in reading.items()}


def perform(
    engine: Engine,
    run: Run,
    *,
    temperature: float = 1.0,
    strategy: Strategy | None = None,
    generator: torch.Generator | None = None,
    condition: Condition | None = None,
    prompt: Tensor | None = None,
    state: Path | None = None,
    monitor: bool = True,
    block: int | None = None,
    progress: Progress = SILENT,
) -> Performance:
    """Let a run play, watched by its own monitor.

    At a temperature other than 1, or by a strategy, the martingale departs from the model because
    it was asked to: it is shown, and no reason to intervene.

    Args:
        engine: Of the run's model.
        run: Whose monitor watches; see `monitor_for`.
        temperature: 1 draws what the model says.
        strategy: What chooses each symbol; ancestral sampling if left out.
        generator: Where all randomness comes from; left out, the draws of `state` go on.
        condition: What the model is told, for one stream.
        prompt: Audio to go on from, (1, channels, time).
        state: Folder of a bookmark to go on from.
        monitor: Whether to watch at all.
        block: Samples of a block.
        progress: Hears of what is calibrated and of what cannot be watched.

    Raises:
        RunError: The bookmark does not fit, or is damaged.
    """
    watching = monitor_for(run, engine, progress=progress) if monitor else None
    if watching is not None and (temperature != 1 or strategy is not None):
        watching = watching.without("martingale")
    mark = None if state is None else read_bookmark(state, engine, watching, run.rate)
    return Performance(
        engine,
        rate=run.rate,
        monitor=watching,
        temperature=temperature,
        strategy=strategy,
        generator=generator,
        condition=condition,
        prompt=prompt,
        bookmark=mark,
        block=block,
    )
