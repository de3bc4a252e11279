"""The monitor: limits that were calibrated once, for any number of streams."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from typica.core.engine import Engine
from typica.core.errors import ConfigError, RunError
from typica.core.files import write_json
from typica.core.progress import SILENT, Progress
from typica.typicality.monitor.calibration import (
    LEAST_SILENCE_S,
    calibrate,
    martingale_limits,
    read_all,
)
from typica.typicality.monitor.grid import WINDOWS_S, Grid
from typica.typicality.monitor.hearing import Heard, Recording, hear_all
from typica.typicality.monitor.ledger import Ledger
from typica.typicality.monitor.limits import Limit, Scales, finite
from typica.typicality.monitor.reference import Reference
from typica.typicality.monitor.statistics import Gauge, gauges
from typica.typicality.monitor.watch import Watch

FORMAT = 1
ALARMS_PER_HOUR = 1.0
NOWHERE = Limit(0.0, None, None)


@dataclass(frozen=True)
class Monitor:
    """Watches streams of one model.

    Attributes:
        grid: Rate, windows and all that follows from them.
        reference: How held-out recordings sound.
        limits: Of each gauge, by its name; a gauge without limits is not judged.
        calibration: What the limits rest on, as plain values.
    """

    grid: Grid
    reference: Reference
    limits: Mapping[str, Limit]
    calibration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        engine: Engine,
        recordings: Iterable[Recording],
        *,
        rate: int,
        windows_s: Sequence[float] = WINDOWS_S,
        alarms_per_hour: float = ALARMS_PER_HOUR,
        seed: int = 0,
        progress: Progress = SILENT,
    ) -> Self:
        """Calibrate on recordings that the model was not trained on.

        Args:
            engine: Goes along the recordings.
            recordings: Audio, each (1, time), at `rate`; half an hour is worth having. For a
                model that is told something, pairs of audio and its condition.
            rate: Hertz.
            windows_s: Seconds of the windows, rising.
            alarms_per_hour: False alarms that may be, over all gauges together.
            seed: Of the bootstrap by which limits are made safe.
            progress: Hears how far it is.

        Raises:
            DataError: The recordings are too short.
            ConfigError: The windows are not rising, or no alarm may be false.
        """
        grid = Grid(rate, tuple(float(length) for length in windows_s))
        heard = hear_all(engine, recordings, grid, progress)
        return cls.of(heard, grid, alarms_per_hour=alarms_per_hour, seed=seed)

    @classmethod
    def of(
        cls,
        heard: Sequence[Heard],
        grid: Grid,
        *,
        alarms_per_hour: float = ALARMS_PER_HOUR,
        seed: int = 0,
    ) -> Self:
        """Calibrate on recordings that were gone through before; see `fit`."""
        check_alarms(alarms_per_hour)
        found = calibrate(heard, grid, alarms_per_hour, np.random.default_rng(seed))
        told = {
            "alarms_per_hour": alarms_per_hour,
            "hours": round(sum(len(one.totals) for one in heard) * grid.tick_s / 3600, 4),
            "recordings": len(heard),
            "limits": found.findings,
        }
        return cls(grid, found.reference, found.limits, told)

    @classmethod
    def uncalibrated(
        cls,
        rate: int,
        *,
        windows_s: Sequence[float] = WINDOWS_S,
        alarms_per_hour: float = ALARMS_PER_HOUR,
    ) -> Self:
        """Return a monitor that has heard nothing: it knows the martingale, and silence.

        Silence is a level under -50 dB for two seconds.
        """
        check_alarms(alarms_per_hour)
        grid = Grid(rate, tuple(float(length) for length in windows_s))
        limits = martingale_limits(grid, alarms_per_hour)
        limits |= {"silence": Limit(0.0, None, LEAST_SILENCE_S)}
        told = {"alarms_per_hour": alarms_per_hour, "hours": 0.0, "recordings": 0, "limits": {}}
        return cls(grid, Reference.none(), limits, told)

    @property
    def rate(self) -> int:
        """Hertz."""
        return self.grid.rate

    @property
    def is_calibrated(self) -> bool:
        """Whether it has heard recordings."""
        return bool(self.calibration.get("recordings"))

    @property
    def blindness(self) -> str:
        """What it cannot see, since none of its limits there can be passed: a sentence, or none."""
        can: dict[str, bool] = {}
        for name, one in self.calibration.get("limits", {}).items():
            statistic = name.split()[0].rstrip(",")
            can[statistic] = can.get(statistic, False) or bool(one["can_be_passed"])
        blind = [statistic for statistic, is_able in can.items() if not is_able]
        if not blind:
            return ""
        return (
            f"too little was held out for limits that can be passed on {' and '.join(blind)}: "
            f"hold out more recordings, or such traps are not seen"
        )

    @cached_property
    def gauges(self) -> list[Gauge]:
        """What it measures, in the order of columns."""
        return gauges(self.grid)

    @cached_property
    def ordered_limits(self) -> list[Limit]:
        """The limits in the order of the gauges."""
        return [self.limits.get(gauge.name, NOWHERE) for gauge in self.gauges]

    @cached_property
    def scales(self) -> Scales:
        """By which values are judged, in the order of the gauges."""
        return Scales(self.ordered_limits)

    def begin(self) -> Watch:
        """Begin to watch a stream."""
        return Watch(self)

    def values(self, heard: Heard) -> np.ndarray:
        """Return what the gauges show at every tick, (ticks, gauges), NaN where nothing."""
        return read_all(heard, Ledger.fresh(self.grid, self.reference), self.gauges)

    def strains(self, heard: Heard) -> np.ndarray:
        """Return how far each gauge went towards its limit, (ticks, gauges): 1 is the limit."""
        return self.scales.strains(self.values(heard))

    def noting(self, **notes: Any) -> Self:
        """Return it with notes beside what it rests on, such as where the recordings are from."""
        return replace(self, calibration={**self.calibration, **notes})

    def without(self, statistic: str) -> Self:
        """Return one that shows a statistic, such as the martingale, and raises no alarm at it."""
        names = {gauge.name for gauge in self.gauges if gauge.statistic == statistic}
        kept = {name: one for name, one in self.limits.items() if name not in names}
        return replace(self, limits=kept)

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            DiskError: It cannot be written.
        """
        write_json(
            path,
            {
                "format": FORMAT,
                "rate": self.rate,
                "windows_s": list(self.grid.windows_s),
                "limits": {name: limit.to_json() for name, limit in self.limits.items()},
                "reference": self.reference.to_json(),
                "calibration": dict(self.calibration),
            },
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it from JSON.

        Raises:
            RunError: It is missing, damaged, or of another version.
        """
        try:
            plain = json.loads(Path(path).read_text("utf-8"))
            if plain["format"] != FORMAT:
                raise RunError(f"{path} is of another version of typica: calibrate it again")
            return cls._from_json(plain)
        except _DAMAGE as error:
            raise RunError(f"{path} is missing or damaged: calibrate the monitor again") from error

    @classmethod
    def _from_json(cls, plain: Mapping[str, Any]) -> Self:
        grid = Grid(operator.index(plain["rate"]), tuple(map(finite, plain["windows_s"])))
        limits = {name: Limit.from_json(one) for name, one in plain["limits"].items()}
        reference = Reference.from_json(plain["reference"], grid)
        found = cls(grid, reference, limits, dict(plain["calibration"]))
        if foreign := limits.keys() - {gauge.name for gauge in found.gauges}:
            raise ValueError(f"limits of what is not measured: {foreign}")
        return found


# What reading a file that was written by something else can raise; ConfigError is a ValueError.
_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def check_alarms(alarms_per_hour: float) -> None:
    """Refuse a rate of alarms that no limits can have.

    Raises:
        ConfigError: It is not above 0.
    """
    if not 0 < alarms_per_hour < float("inf"):
        raise ConfigError(f"false alarms an hour must be above 0, got {alarms_per_hour:g}")
