"""What the monitor measures in windows: the names of its gauges, and their values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.typicality.monitor.ear import decibels
from typica.typicality.monitor.grid import FRAMES_A_TICK, Grid
from typica.typicality.monitor.ledger import Ledger, Sums
from typica.typicality.monitor.reference import Reference

LARGEST_SURPRISE = 12.0  # nats: what is less likely comes once in twenty seconds at 8 kHz
LEAST_VARIANCE = 25.0  # nats squared: one surprise where a model is certain is no drift
LEAST_SPREAD_DB = 1.0  # of a band of the mean spectrum
LEAST_UNLIKE = 1e-3
LONG_S, LONGER_S = 1.0, 4.0


class Gauge(NamedTuple):
    """One statistic over one window.

    Attributes:
        statistic: "martingale", "entropy", "level", "flatness", "spectrum", "loop" or "silence".
        window_s: Seconds of the window; 0 for silence, whose length is what is measured.
        ticks: The same in ticks.
        sides: Where it is odd: "both", or "high".
    """

    statistic: str
    window_s: float
    ticks: int
    sides: str

    @property
    def name(self) -> str:
        """As users read it, such as "entropy 4 s"."""
        return f"{self.statistic} {self.window_s:g} s" if self.ticks else self.statistic


_LEAST_S = {
    "martingale": (0.0, "both"),
    "entropy": (LONG_S, "both"),
    "level": (LONG_S, "both"),
    "flatness": (LONG_S, "high"),
    "spectrum": (LONGER_S, "high"),
    "loop": (LONGER_S, "high"),
}
STATISTICS = (*_LEAST_S, "silence")


def gauges(grid: Grid) -> list[Gauge]:
    """List what is measured: what needs a long window leaves out the short ones."""
    found = [
        Gauge(statistic, window, ticks, sides)
        for statistic, (least, sides) in _LEAST_S.items()
        for window, ticks in zip(grid.windows_s, grid.ticks, strict=True)
        if window >= least
    ]
    return [*found, Gauge("silence", 0.0, 0, "high")]


def measure(ledger: Ledger, measured: list[Gauge]) -> NDArray[np.float64]:
    """Return the value of each gauge; NaN where its window is not full, or holds no sound."""
    windows = {ticks: ledger.window(ticks) for ticks in ledger.grid.ticks if ticks <= ledger.count}
    return np.array([_value(gauge, ledger, windows.get(gauge.ticks)) for gauge in measured])


def _value(gauge: Gauge, ledger: Ledger, sums: Sums | None) -> float:
    if gauge.statistic == "silence":
        return ledger.silent * ledger.grid.tick_s
    if sums is None:
        return math.nan
    frames = gauge.ticks * FRAMES_A_TICK
    match gauge.statistic:
        case "martingale":
            return martingale(sums.excess, sums.variance)
        case "entropy":
            return sums.entropy / (frames * ledger.grid.hop)
        case "level":
            return float(decibels(sums.power / frames))
        case "flatness":
            return sums.flatness / sums.sounding if sums.sounding else math.nan
        case "spectrum":
            return _distance(shape_db(sums, frames), ledger.reference, gauge.ticks)
        case _:
            full = ledger.remembers_lags >= gauge.ticks
            return _likeness(unlike(sums), ledger.reference, gauge.ticks) if full else math.nan


def martingale(excess: float, variance: float) -> float:
    """Return excess surprisal in standard deviations: normal, or rarer, under the model.

    Surprise is skewed: seldom great, and then greater than it is ever small. Where a model is
    nearly sure, one rare symbol may make all of the excess, and a sum of such is no normal one.
    Freedman's inequality (1975) bounds P(S >= t, V <= v) by exp(-t^2 / 2 (v + b t / 3)) for a
    martingale whose steps are at most b: what is positive is divided by that instead.
    """
    skew = LARGEST_SURPRISE * max(excess, 0.0) / 3
    return excess / math.sqrt(max(variance + skew, LEAST_VARIANCE))


def shape_db(sums: Sums, frames: int) -> NDArray[np.float64]:
    """Return the mean spectrum of a window less its own mean over the bands, (bands,)."""
    mean = sums.spectrum_db / frames
    return mean - mean.mean()


def unlike(sums: Sums) -> NDArray[np.float64]:
    """Return one less the normalised autocorrelation of the spectra at each lag, (lags,)."""
    scale = np.sqrt(sums.own * sums.squares)
    return np.maximum(1 - sums.products / np.maximum(scale, 1e-9), 0) + LEAST_UNLIKE


def _distance(shape: NDArray[np.float64], reference: Reference, ticks: int) -> float:
    """Return how far a mean spectrum lies from the reference's, in spreads of its bands."""
    if ticks not in reference.shape_db:
        return math.nan
    mean, spread = reference.shape_db[ticks]
    return math.sqrt(np.square((shape - mean) / np.maximum(spread, LEAST_SPREAD_DB)).mean())


def _likeness(values: NDArray[np.float64], reference: Reference, ticks: int) -> float:
    """Return how much more like itself than usual a window is, at the lag that suits it best.

    The logarithm of the usual 1 - r by its own, r being the autocorrelation at that lag: sounds
    that are held resemble themselves at short lags, and are not odd for it.
    """
    if ticks not in reference.unlike:
        return math.nan
    return float(np.log(reference.unlike[ticks] / values).max())
