"""How far the largest values go: limits that are passed less often than could be observed.

A stream of values is cut into blocks that hardly depend on one another; of each the largest is
taken. Those above their median lie beyond it by y with P(Y > y) = (1 + xi y / s) ** (-1 / xi), the
generalised Pareto law (Pickands 1975), fitted by probability-weighted moments (Hosking and Wallis
1987). A limit for one alarm in a hundred hours is read off ten minutes by going on along
this law: an assumption, no measurement. The tail is taken to be exponential (xi = 0), as that of
sums and of durations is or nearly so, unless the data say it is heavier; never lighter. A
bootstrap over recordings then tells how uncertain start, scale and rate are; xi is held in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 400
QUANTILE = 0.95  # of the bootstrap: few recordings make it too sure, it gives about 90 %
LEAST_BLOCKS = 8
HEAVY = 1.645  # standard errors above 0 at which a tail is taken to be heavier than exponential
HEAVIEST = 0.5
NEVER_SEEN = 3.0  # events, that 95 % of samples hold at least one of
LEAST_SCALE = 1e-4  # of values that are all alike


@dataclass(frozen=True)
class Tail:
    """The law of the largest values.

    Attributes:
        start: Where it begins.
        scale: How fast it falls off.
        shape: Its xi: 0 is exponential.
        rate: Blocks an hour whose largest value is beyond the start.
    """

    start: float
    scale: float
    shape: float
    rate: float

    def level(self, rate: float) -> float:
        """Return the level that is passed `rate` times an hour."""
        ratio = self.rate / rate
        if ratio <= 1:
            return self.start
        growth = (ratio**self.shape - 1) / self.shape if self.shape else np.log(ratio)
        return float(self.start + self.scale * growth)

    def passed(self, level: float) -> float:
        """Return how often an hour a level is passed; at most as often as the start."""
        beyond = max(0.0, level - self.start) / self.scale
        if not self.shape:
            return float(self.rate * np.exp(-beyond))
        return float(self.rate * (1 + self.shape * beyond) ** (-1 / self.shape))


@dataclass(frozen=True)
class TailLimit:
    """A limit and what it rests on.

    Attributes:
        value: Alarms beyond it are as rare as asked for, with a confidence of about 90 %.
        rate: Alarms an hour beyond it, as estimated.
        interval: Its 90 % interval, by a bootstrap over recordings.
        blocks: How many blocks were looked at.
        largest: The largest value that was seen.
    """

    value: float
    rate: float
    interval: tuple[float, float]
    blocks: int
    largest: float


def limit(
    recordings: Sequence[NDArray[np.float64]],
    block: int,
    hours_a_value: float,
    rate: float,
    rng: np.random.Generator,
) -> TailLimit | None:
    """Find the limit that values pass `rate` times an hour.

    Args:
        recordings: Values of each recording in their order; NaN where there is none.
        block: Values of a block.
        hours_a_value: How long a value lasts.
        rate: Alarms an hour that may be.
        rng: Of the bootstrap.

    Returns:
        The limit, or None where fewer than 8 blocks were heard: too few to say anything.
    """
    maxima = [found for one in recordings if len(found := block_maxima(one, block))]
    together = np.concatenate(maxima) if maxima else np.zeros(0)
    if len(together) < LEAST_BLOCKS:
        return None
    hours = block * hours_a_value
    if len(maxima) == 1:
        maxima = [one[None] for one in together]
    best = fit(together, hours)
    if together.max() <= best.start:  # nothing was ever beyond: three an interval at most
        most = NEVER_SEEN / (hours * len(together))
        return TailLimit(best.level(rate), 0.0, (0.0, most), len(together), best.start)
    tails = [fit(np.concatenate(part), hours, best.shape) for part in _resamples(maxima, rng)]
    value = float(np.quantile([tail.level(rate) for tail in tails], QUANTILE))
    value = max(value, best.level(rate))
    low, high = np.quantile([tail.passed(value) for tail in tails], [0.05, 0.95])
    interval = (float(low), float(high))
    return TailLimit(value, best.passed(value), interval, len(together), float(together.max()))


def fit(maxima: NDArray[np.float64], hours: float, shape: float | None = None) -> Tail:
    """Fit the law to the largest values of blocks of so many hours; its shape may be given."""
    start = float(np.median(maxima))
    excess = np.sort(maxima[maxima > start]) - start
    if not len(excess):  # all are alike
        return Tail(start, LEAST_SCALE * max(1.0, abs(start)), 0.0, 0.5 / hours)
    rate = len(excess) / len(maxima) / hours
    mean = float(excess.mean())
    shape = _shape(excess) if shape is None else shape
    return Tail(start, mean * (1 - shape), shape, rate)


def _shape(excess: NDArray[np.float64]) -> float:
    """Return xi, or 0 where the excesses may well be exponential.

    By probability-weighted moments; its standard error is about 1 / sqrt(n) near 0.
    """
    plotting = (np.arange(1, len(excess) + 1) - 0.35) / len(excess)
    first, second = excess.mean(), (excess * (1 - plotting)).mean()
    shape = float(2 - first / max(first - 2 * second, 1e-12))
    return min(shape, HEAVIEST) if shape * np.sqrt(len(excess)) > HEAVY else 0.0


def block_maxima(values: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Return the largest value of each block; a rest of less than half a block is left out."""
    present = values[~np.isnan(values)]
    ends = range(0, len(present) - block // 2, block) if len(present) > block // 2 else ()
    return np.array([present[start : start + block].max() for start in ends])


def _resamples(
    maxima: list[NDArray[np.float64]], rng: np.random.Generator
) -> list[list[NDArray[np.float64]]]:
    chosen = rng.integers(len(maxima), size=(RESAMPLES, len(maxima)))
    return [[maxima[index] for index in row] for row in chosen]
