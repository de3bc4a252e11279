"""Where a stream in a trap goes on from: states that were kept, further back each time it fails."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

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


class Rescue:
    """Keeps states at intervals, and chooses among them; its memory is bounded.

    The first rescue goes back to before the drift began. If there is another alarm within 20 s,
    the next goes 4 s further back, then 12 s, then 28 s; then the stream starts afresh. Three
    fresh starts that fail one after the other show that going back does not help, as when the
    decoding itself is at fault: the stream is then left alone for a minute, and for twice as long
    each time this happens again. Where it falls silent meanwhile, it starts afresh even so: any
    sound is better, unless it has been silent from the start.
    """

    def __init__(self, rate: int, beginning: EngineState, watch: Watch) -> None:
        self.rate = rate
        self._beginning = Kept(0, beginning, watch.copy())
        self._kept: deque[Kept] = deque([self._beginning], KEPT)
        self._failures = self._fresh_starts = self._pauses = 0
        self._free_for = round(PROBATION_S * rate)  # samples since the last rescue
        self._pause_left = 0
        self._last = 0  # what the watch had read when last asked

    def keep(self, state: EngineState, watch: Watch) -> None:
        """Keep a state, if the last was kept long enough ago. Called once a tick."""
        passed, self._last = watch.at - self._last, watch.at
        self._free_for += passed
        self._pause_left = max(0, self._pause_left - passed)
        if self._free_for >= round(PROBATION_S * self.rate) and not self._pause_left:
            self._failures = 0
            self._fresh_starts = 0
        if watch.at - self._kept[-1].at >= round(SPACING_S * self.rate):
            self._kept.append(Kept(watch.at, state, watch.copy()))

    def choose(self, alarm: Alarm) -> Resort | None:
        """Choose where to go on from; None while rescues pause."""
        if self._pause_left:
            return self._break_silence(alarm)
        if self._free_for < round(PROBATION_S * self.rate):
            self._failures += 1
        further = round((2**self._failures - 1) * FURTHER_S * self.rate)
        while self._kept and self._kept[-1].at > alarm.since - further:
            self._kept.pop()
        if not self._kept or self._failures > FAILURES:
            return self._start_afresh()
        kept = self._kept[-1]
        self._go_on_from(kept)
        return Resort(kept, f"went {(alarm.at - kept.at) / self.rate:.1f} s back")

    def forget(self) -> None:
        """Let go of all states."""
        self._kept.clear()

    def _start_afresh(self) -> Resort:
        self._fresh_starts += 1
        if self._fresh_starts > FRESH_STARTS:
            return self._give_up()
        return self._from_the_beginning()

    def _from_the_beginning(self) -> Resort:
        self._failures = 0
        self._kept.clear()
        self._kept.append(self._beginning)
        self._go_on_from(self._beginning)
        return Resort(self._beginning, "started afresh")

    def _break_silence(self, alarm: Alarm) -> Resort | None:
        is_silent = alarm.silent_for >= round(SILENT_S * self.rate)
        has_sounded = alarm.at - alarm.silent_for >= round(SOUNDED_S * self.rate)
        return self._from_the_beginning() if is_silent and has_sounded else None

    def _give_up(self) -> Resort:
        pause = min(PAUSE_S * 2**self._pauses, LONGEST_PAUSE_S)
        self._pauses += 1
        self._pause_left = round(pause * self.rate)
        self._failures = self._fresh_starts = 0
        self._kept.append(self._beginning)
        return Resort(None, f"going back has not helped, and is not tried for {pause:.0f} s")

    def _go_on_from(self, kept: Kept) -> None:
        self._free_for = 0
        self._last = kept.at
