"""Where a stream in a trap goes on from: states that were kept, further back each time it fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from typica.core.engine import EngineState
from typica.typicality.monitor.watch import Alarm, Watch

KEPT, SPACING_S = 32, 2.0  # states, and what lies between them: a minute in all
PROBATION_S = 20.0  # after which a rescue has succeeded
FURTHER_S = 4.0  # back after a first failure; twice as far again after the next
FAILURES, FRESH_STARTS = 3, 3
PAUSE_S, LONGEST_PAUSE_S = 60.0, 960.0  # without rescues, once none has helped; doubles

SILENT_S = 2.0  # a pause in which nothing sounds for so long is ended
SOUNDED_S = 1.0  # a start after which there was sound for so long was worth it


class Kept(NamedTuple):
    """A place to come back to.

    Attributes:
        at: Samples that the watch had read.
        state: Of the engine.
        watch: As it was.
    """

    at: int
    state: EngineState
    watch: Watch


class Resort(NamedTuple):
    """What to do about an alarm: go on from a place, or None to let it play; and words for it."""

    kept: Kept | None
    words: str


@dataclass
class Tally:
    """How rescues have gone, in numbers and in samples.

    Attributes:
        failures: Rescues that did not hold, one after the other.
        fresh_starts: Those that did not hold either.
        pauses: How often rescues were given up.
        free_for: Samples since the last rescue.
        pause_left: Samples for which no rescue is tried.
        last: What the watch had read when last asked.
    """

    failures: int = 0
    fresh_starts: int = 0
    pauses: int = 0
    free_for: int = 0
    pause_left: int = 0
    last: int = 0


class Rescue:
    """Keeps states at intervals, and chooses among them; its memory is bounded.

    The first rescue goes back to before the drift began. If there is another alarm within 20 s,
    the next goes 4 s further back, then 12 s, then 28 s; then the stream starts afresh. Three
    fresh starts that fail one after the other show that going back does not help, as when the
    decoding itself is at fault: the stream is then left alone for a minute, and for twice as long
    each time this happens again. Where it falls silent meanwhile, it starts afresh even so: any
    sound is better, unless it has been silent from the start.

    Attributes:
        rate: Hertz.
        beginning: Where a fresh start begins.
        kept: The states, oldest first.
        tally: How rescues have gone.
    """

    def __init__(self, rate: int, beginning: Kept, kept: Iterable[Kept], tally: Tally) -> None:
        self.rate, self.beginning, self.tally = rate, beginning, tally
        self.kept: deque[Kept] = deque(kept, KEPT)

    @classmethod
    def begin(cls, rate: int, state: EngineState, watch: Watch) -> Self:
        """Begin where a stream does."""
        beginning = Kept(watch.at, state, watch.copy())
        return cls(rate, beginning, [beginning], Tally(free_for=round(PROBATION_S * rate)))

    def copy(self) -> Self:
        """Return one that goes on from here by itself; states are values."""
        return type(self)(self.rate, self.beginning, self.kept, replace(self.tally))

    def keep(self, state: EngineState, watch: Watch) -> None:
        """Keep a state, if the last was kept long enough ago. Called once a tick."""
        passed, self.tally.last = watch.at - self.tally.last, watch.at
        self.tally.free_for += passed
        self.tally.pause_left = max(0, self.tally.pause_left - passed)
        if self.tally.free_for >= round(PROBATION_S * self.rate) and not self.tally.pause_left:
            self.tally.failures = 0
            self.tally.fresh_starts = 0
        if watch.at - self.kept[-1].at >= round(SPACING_S * self.rate):
            self.kept.append(Kept(watch.at, state, watch.copy()))

    def choose(self, alarm: Alarm) -> Resort | None:
        """Choose where to go on from; None while rescues pause."""
        if self.tally.pause_left:
            return self._break_silence(alarm)
        if self.tally.free_for < round(PROBATION_S * self.rate):
            self.tally.failures += 1
        further = round((2**self.tally.failures - 1) * FURTHER_S * self.rate)
        while self.kept and self.kept[-1].at > alarm.since - further:
            self.kept.pop()
        if not self.kept or self.tally.failures > FAILURES:
            return self._start_afresh()
        kept = self.kept[-1]
        self._go_on_from(kept)
        return Resort(kept, f"went {(alarm.at - kept.at) / self.rate:.1f} s back")

    def _start_afresh(self) -> Resort:
        self.tally.fresh_starts += 1
        if self.tally.fresh_starts > FRESH_STARTS:
            return self._give_up()
        return self._from_the_beginning()

    def _from_the_beginning(self) -> Resort:
        self.tally.failures = 0
        self.kept.clear()
        self.kept.append(self.beginning)
        self._go_on_from(self.beginning)
        return Resort(self.beginning, "started afresh")

    def _break_silence(self, alarm: Alarm) -> Resort | None:
        is_silent = alarm.silent_for >= round(SILENT_S * self.rate)
        has_sounded = alarm.at - alarm.silent_for >= round(SOUNDED_S * self.rate)
        return self._from_the_beginning() if is_silent and has_sounded else None

    def _give_up(self) -> Resort:
        pause = min(PAUSE_S * 2**self.tally.pauses, LONGEST_PAUSE_S)
        self.tally.pauses += 1
        self.tally.pause_left = round(pause * self.rate)
        self.tally.failures = self.tally.fresh_starts = 0
        self.kept.append(self.beginning)
        return Resort(None, f"going back has not helped, and is not tried for {pause:.0f} s")

    def _go_on_from(self, kept: Kept) -> None:
        self.tally.free_for = 0
        self.tally.last = kept.at
