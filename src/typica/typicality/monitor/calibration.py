"""Limits from held-out recordings, for a stated number of false alarms an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError
from typica.typicality.monitor import normal_law, tail
from typica.typicality.monitor.ear import TINY, Frames
from typica.typicality.monitor.grid import FRAMES_A_TICK, Grid
from typica.typicality.monitor.hearing import Heard
from typica.typicality.monitor.ledger import Ledger
from typica.typicality.monitor.limits import Limit
from typica.typicality.monitor.reference import Reference
from typica.typicality.monitor.statistics import (
    LEAST_UNLIKE,
    LONGER_S,
    STATISTICS,
    Gauge,
    gauges,
    measure,
    shape_db,
    unlike,
)

LEAST_SILENCE_S = 2.0  # a shorter one is a rest
BLOCK_S, BLOCK_WINDOWS = 8.0, 2  # a block is so long, or so many windows, whichever is longer
NEVER = {"entropy": 0.0, "level": 10 * float(np.log10(TINY))}  # no value lies below these
MOST = {
    "flatness": -float(np.euler_gamma),
    "level": 0.0,
}  # white noise; full scale


class Calibration(NamedTuple):
    """What a monitor learns.

    Attributes:
        reference: How held-out recordings sound.
        limits: Of each gauge, by its name.
        findings: What each of those rests on, by the name of the gauge and its side.
    """

    reference: Reference
    limits: Mapping[str, Limit]
    findings: Mapping[str, Mapping[str, Any]]


def calibrate(
    heard: Sequence[Heard], grid: Grid, alarms_per_hour: float, rng: np.random.Generator
) -> Calibration:
    """Find the limits of every gauge.

    The alarms that may be are shared out evenly over the statistics, and the share of each over
    its windows and sides.

    Raises:
        DataError: The recordings are too short to calibrate anything on.
    """
    reference = learn_reference(heard, grid)
    measured = gauges(grid)
    values = [read_all(one, Ledger.fresh(grid, reference), measured) for one in heard]
    limits: dict[str, Limit] = {}
    findings: dict[str, dict[str, Any]] = {}
    for column, gauge in enumerate(measured):
        rate = alarms_per_hour / len(STATISTICS) / _sides(gauge, measured)
        own = [one[:, column] for one in values]
        limits[gauge.name], found = _limit(gauge, own, reference, grid, rate, rng)
        findings |= {f"{gauge.name}, {side}": one for side, one in found.items()}
    if not any(name.startswith("level") for name in findings):
        raise DataError(
            "the recordings are too short to calibrate the monitor on: give it some minutes"
        )
    return Calibration(reference, limits, findings)


def learn_reference(heard: Sequence[Heard], grid: Grid) -> Reference:
    """Learn how recordings sound: means of frames first, then the spread of windows."""
    columns = (
        np.concatenate(column) for column in zip(*(one.frames for one in heard), strict=True)
    )
    reference = Reference.of(Frames(*columns))
    shapes: dict[int, NDArray[np.float64]] = {}
    likeness: dict[int, NDArray[np.float64]] = {}
    for length, ticks in zip(grid.windows_s, grid.ticks, strict=True):
        if length < LONGER_S:
            continue
        found, alike = _windows(heard, Ledger.fresh(grid, reference), ticks)
        if len(found):
            shapes[ticks] = np.stack([found.mean(0), found.std(0)])
        if len(alike):
            likeness[ticks] = np.median(alike, 0)
    return replace(reference, shape_db=shapes, unlike=likeness)


def _windows(
    heard: Sequence[Heard], fresh: Ledger, ticks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shapes of all windows' spectra, and how unlike themselves they are."""
    shapes, alike = [], []
    for one in heard:
        ledger = fresh
        for tick in one.ticks():
            ledger = ledger.add(*tick)
            if ledger.count >= ticks:
                sums = ledger.window(ticks)
                shapes.append(shape_db(sums, ticks * FRAMES_A_TICK))
                if ledger.remembers_lags >= ticks:
                    alike.append(unlike(sums))
    return np.array(shapes), np.array(alike)


def read_all(one: Heard, ledger: Ledger, measured: list[Gauge]) -> NDArray[np.float64]:
    """Return the value of each gauge at each tick, (ticks, gauges); NaN where it has none."""
    rows = np.full((len(one.totals), len(measured)), np.nan)
    for number, tick in enumerate(one.ticks()):
        ledger = ledger.add(*tick)
        rows[number] = measure(ledger, measured)
    return rows


def martingale_limits(grid: Grid, alarms_per_hour: float) -> dict[str, Limit]:
    """Return the limits that need no recordings."""
    measured = gauges(grid)
    own = [gauge for gauge in measured if gauge.statistic == "martingale"]
    rate = alarms_per_hour / len(STATISTICS) / len(own)
    return {gauge.name: _martingale(gauge, grid, rate) for gauge in own}


def _martingale(gauge: Gauge, grid: Grid, rate: float) -> Limit:
    level = normal_law.limit(rate, gauge.ticks * grid.tick_s, grid.tick_s)
    return Limit(0.0, -level, level)


def _sides(gauge: Gauge, measured: list[Gauge]) -> int:
    same = (one for one in measured if one.statistic == gauge.statistic)
    return sum(2 if one.sides == "both" else 1 for one in same)


def _limit(
    gauge: Gauge,
    values: list[NDArray[np.float64]],
    reference: Reference,
    grid: Grid,
    rate: float,
    rng: np.random.Generator,
) -> tuple[Limit, dict[str, dict[str, Any]]]:
    if gauge.statistic == "martingale":
        return _martingale(gauge, grid, 2 * rate), {}
    together = np.concatenate(values)
    usual = float(np.nanmedian(together)) if np.isfinite(together).any() else 0.0
    block = round(max(BLOCK_S / grid.tick_s, BLOCK_WINDOWS * gauge.ticks))
    found: dict[str, dict[str, Any]] = {}
    ends: dict[str, float | None] = {"low": None, "high": None}
    for side, sign in (("low", -1), ("high", 1)):
        if side == "low" and gauge.sides != "both":
            continue
        signed = [sign * one for one in values]
        limit = tail.limit(signed, block, grid.tick_s / 3600, rate, rng)
        if limit is not None:
            end = _at_least(gauge, sign * limit.value)
            ends[side] = end
            can_be_passed = sign * end < sign * _bound(gauge, side, reference)
            found[side] = _finding(limit, sign, end, rate, can_be_passed)
    return Limit(usual, ends["low"], ends["high"]), found


def _at_least(gauge: Gauge, value: float) -> float:
    return max(value, LEAST_SILENCE_S) if gauge.statistic == "silence" else value


def _bound(gauge: Gauge, side: str, reference: Reference) -> float:
    """Return the value of a gauge that nothing passes that lasts as long as its window."""
    if side == "low":
        return NEVER.get(gauge.statistic, -np.inf)
    if gauge.statistic == "loop" and gauge.ticks in reference.unlike:
        return float(np.log(reference.unlike[gauge.ticks] / LEAST_UNLIKE).max())
    return MOST.get(gauge.statistic, np.inf)


def _finding(
    limit: tail.TailLimit, sign: int, end: float, asked: float, can_be_passed: bool
) -> dict[str, Any]:
    """Return what a limit rests on, for people to read."""
    return {
        "limit": round(end, 4),
        "alarms_per_hour_asked": round(asked, 4),
        "alarms_per_hour": round(limit.rate, 4),
        "interval": [round(one, 4) for one in limit.interval],
        "blocks": limit.blocks,
        "most_extreme_seen": round(sign * limit.largest, 4),
        "can_be_passed": bool(can_be_passed),
    }
