"""A watch over one stream: reads it block by block, and says when it is no longer typical."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from typica.typicality.monitor.ear import Ear
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.ledger import Ledger, Steps
from typica.typicality.monitor.limits import Limit
from typica.typicality.monitor.statistics import Gauge, measure

if TYPE_CHECKING:
    from typica.typicality.monitor.monitor import Monitor

HALFWAY = 0.5  # to its limit, a gauge has begun to drift


class Mark(NamedTuple):
    """What a gauge shows, and how far it may go."""

    value: float
    limit: Limit


Reading = Mapping[str, Mark]


@dataclass(frozen=True)
class Alarm:
    """A stream is no longer typical.

    Attributes:
        kind: What it has fallen into: "silence", "loop", "noise", "too predictable" ...
        gauge: Name of the gauge that shows it, such as "entropy 4 s".
        window_s: Seconds of its window.
        value: What it shows.
        limit: What it has passed.
        at: Samples of the stream that had been read.
        since: Sample before which the drift had not begun.
        text: One sentence.
        silent_for: Samples of unbroken silence before `at`, whatever shows the alarm.
    """

    kind: str
    gauge: str
    window_s: float
    value: float
    limit: float
    at: int
    since: int
    text: str
    silent_for: int = 0


_KINDS = {
    ("martingale", -1): ("too predictable", "the sound is less surprising than the model expects"),
    ("martingale", 1): ("too surprising", "the sound is more surprising than the model expects"),
    ("entropy", -1): ("too sure", "the model is surer of what comes than music lets it be"),
    ("entropy", 1): ("unsure", "the model is less sure of what comes than music lets it be"),
    ("level", -1): ("silence", "it is softer than the recordings ever are for so long"),
    ("level", 1): ("loud", "it is louder than the recordings ever are for so long"),
    ("flatness", 1): ("noise", "it is noisier than the recordings"),
    ("spectrum", 1): ("strange spectrum", "its spectrum is unlike that of the recordings"),
    ("loop", 1): ("loop", "it repeats itself, or stands still"),
    ("silence", 1): ("silence", "nothing has sounded for some time"),
}


class Watch:
    """Reads one stream; made by `Monitor.begin`.

    It judges at the end of every tick, wherever blocks end. A copy goes on by itself from the
    same place: what it refers to is never changed.

    Attributes:
        monitor: Whose limits hold.
        at: Samples read.
    """

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.at = 0
        self._values = np.full(len(monitor.gauges), np.nan)
        self._ear = Ear.fresh(monitor.grid)
        self._ledger = Ledger.fresh(monitor.grid, monitor.reference)
        self._waiting = np.zeros((4, 0))
        self._well = np.zeros(len(monitor.gauges), np.int64)  # the last tick without a drift

    @property
    def reading(self) -> Reading:
        """What the gauges showed at the last tick; those whose window was full."""
        rows = zip(
            self.monitor.gauges, self._values.tolist(), self.monitor.ordered_limits, strict=True
        )
        return {gauge.name: Mark(value, limit) for gauge, value, limit in rows if value == value}

    def copy(self) -> Self:
        """Return a watch that goes on from here by itself."""
        return copy.copy(self)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return all that it remembers, as arrays by name: `restored` goes on from them."""
        ledger = self._ledger
        return {
            "counts": np.array([self.at, ledger.count, ledger.silent]),
            "values": self._values,
            "well": self._well,
            "waiting": self._waiting,
            "ear": self._ear.past,
            "rows": ledger.rows,
            "spectra": ledger.past,
        }

    @classmethod
    def restored(cls, monitor: Monitor, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return a watch that remembers what another did, of a monitor that hears alike."""
        watch = cls(monitor)
        watch.at, count, silent = arrays["counts"].tolist()
        watch._values, watch._well = arrays["values"], arrays["well"]
        watch._waiting, ear = arrays["waiting"], arrays["ear"]
        watch._ear = replace(watch._ear, past=ear)
        rows, past = arrays["rows"], arrays["spectra"]
        watch._ledger = replace(watch._ledger, count=count, silent=silent, rows=rows, past=past)
        return watch

    def read(
        self,
        audio: NDArray[np.float32],
        log_prob: NDArray[np.floating],
        entropy: NDArray[np.floating],
        varentropy: NDArray[np.floating],
    ) -> tuple[Reading, Alarm | None]:
        """Read a block, each of shape (samples,).

        Args:
            audio: As it sounds, in [-1, 1].
            log_prob: Of each sample under the model at temperature 1, in nats.
            entropy: Of the model before each, in nats.
            varentropy: Variance of -log p before each, in nats squared.

        Returns:
            What the gauges showed at the last tick, and the first alarm in the block.
        """
        block = np.stack([audio, log_prob, entropy, varentropy]).astype(np.float64)
        waiting = np.concatenate([self._waiting, block], 1)
        tick = self.monitor.grid.tick
        alarm = None
        while waiting.shape[1] >= tick:
            found = self._tick(waiting[:, :tick])
            alarm, waiting = alarm or found, waiting[:, tick:]
        self._waiting, self.at = waiting, self.at + len(audio)
        return self.reading, alarm

    def _tick(self, samples: NDArray[np.float64]) -> Alarm | None:
        frames, self._ear = self._ear.hear(samples[0].astype(np.float32))
        totals = Steps(*samples[1:]).totals
        if not np.isfinite(totals).all():
            return self._broken()
        self._ledger = self._ledger.add(totals, frames)
        values = measure(self._ledger, self.monitor.gauges)
        strains = self.monitor.scales.strains(values)
        # What is not measured yet is not odd yet either; comparing NaN is false.
        self._well = np.where(strains > HALFWAY, self._well, self._ledger.count)
        self._values = values
        odd = np.where(strains > 1, strains, 0)
        worst = int(odd.argmax())
        return self._alarm(worst, float(values[worst])) if odd[worst] else None

    def _alarm(self, index: int, value: float) -> Alarm:
        gauge, limit = self.monitor.gauges[index], self.monitor.ordered_limits[index]
        sign = 1 if value > limit.usual else -1
        passed = limit.high if sign > 0 else limit.low
        assert passed is not None
        kind, words = _KINDS[gauge.statistic, sign]
        grid = self.monitor.grid
        at = self._ledger.count * grid.tick
        text = f"{words}: {gauge.name} is {value:.3g}, the limit {passed:.3g}"
        since = max(0, (int(self._well[index]) - _reach(gauge, limit, grid)) * grid.tick)
        silent = self._ledger.silent * grid.tick
        return Alarm(kind, gauge.name, gauge.window_s, value, passed, at, since, text, silent)

    def _broken(self) -> Alarm:
        """Tell of a model that gives what it draws no probability."""
        at = self._ledger.count * self.monitor.grid.tick
        text = "the model gives what was drawn no probability, or none that is a number"
        return Alarm("broken", "martingale", 0.0, float("nan"), 0.0, at, at, text)


def _reach(gauge: Gauge, limit: Limit, grid: Grid) -> int:
    """Return how many ticks back from its first sign a drift may have begun."""
    if gauge.statistic == "silence":
        return math.ceil(HALFWAY * (limit.high or 0.0) / grid.tick_s)
    if gauge.statistic == "loop":
        return gauge.ticks + round(grid.lag_s(-1) / grid.tick_s)
    return gauge.ticks
