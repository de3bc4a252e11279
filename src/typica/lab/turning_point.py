"""Two straight lines that meet at a breakpoint: where a quality's slope changes most.

On a roof that is where it turns. On a smooth hill it is not the top: where the lines meet hangs on
the range of what was seen. So it decides nothing, and stands beside the top of a smooth curve.

The fit is continuous piecewise-linear least squares with one breakpoint, sought over a grid of
quantiles (Muggeo 2003, https://doi.org/10.1002/sim.1545, has the model; a grid finds the least
squares where an iteration may stop short). Its uncertainty is a bootstrap over clusters: whole
prompts or words are drawn again, with all their sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_PLACES = 100  # breakpoints that are tried
MARGIN = 0.02  # share of the points that must lie on either side of a breakpoint
SURE = 0.95
AT_ONCE = 1 << 23  # numbers of sums that are held at a time
_FLAT = 1e-9  # a slope below this, in standard units, is rounding


class Lines(NamedTuple):
    """Two lines that meet; arrays where several were fitted.

    Attributes:
        place: Where they meet.
        left: Slope of the line below it.
        right: Slope of the line above it.
        height: Where they meet, vertically.
    """

    place: NDArray
    left: NDArray
    right: NDArray
    height: NDArray

    @property
    def is_peak(self) -> NDArray:
        """Whether quality rises up to the place and falls behind it."""
        return (self.left > 0) & (self.right < 0)

    def at(self, x: NDArray) -> NDArray:
        """Return the height of a single fit at places, of the shape of `x`."""
        side = np.where(x < self.place, self.left, self.right)
        return self.height + side * (x - self.place)


@dataclass(frozen=True)
class TurningPoint:
    """Where quality turns from rising to falling, if it does.

    Attributes:
        lines: The fit.
        low: Of the place, 95 % interval by the bootstrap; NaN where no draw of it has a peak.
        high: Likewise.
        peaks: Share of the bootstrap's fits that have a peak.
        fits: Those of the bootstrap, (resamples,) each.
        within: Whether levels of the clusters were taken out.
    """

    lines: Lines
    low: float
    high: float
    peaks: float
    fits: Lines
    within: bool

    @property
    def place(self) -> float:
        """Of the breakpoint, whether it is a peak or not."""
        return float(self.lines.place)

    @property
    def exists(self) -> bool:
        """Whether the fit has a peak, and so do 95 % of the bootstrap's."""
        return bool(self.lines.is_peak) and self.peaks >= SURE


def turning_point(
    x: NDArray,
    y: NDArray,
    rng: np.random.Generator,
    *,
    clusters: NDArray | None = None,
    within: bool = False,
    resamples: int = 1000,
) -> TurningPoint:
    """Fit two lines that meet, and bootstrap the place where they do.

    Args:
        x: Where each point lies, (points,).
        y: Its quality, (points,).
        rng: Draws the bootstrap.
        clusters: Which cluster each point is of, (points,); None for each one its own.
        within: Whether each cluster has a level of its own: then clusters that are better at
            every x do not bend the lines.
        resamples: Of the bootstrap.
    """
    labels = np.arange(len(x)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    scale = max(float(np.std(x)), 1e-300), max(float(np.std(y)), 1e-300)
    middle = float(np.mean(y))
    places = _places(x)
    weights = resampled(labels.max() + 1, resamples, rng)
    sums = _Sums(x / scale[0], (y - middle) / scale[1], labels, within)
    best = sums.fit(places / scale[0], weights)
    fits = Lines(
        place=best.place * scale[0],
        left=best.left * scale[1] / scale[0],
        right=best.right * scale[1] / scale[0],
        height=best.height * scale[1] + middle,
    )
    first, others = (Lines(*(part[cut] for part in fits)) for cut in (0, slice(1, None)))
    if within:  # levels were taken out: the lines lie so high that they fit on average
        slope = np.where(x < first.place, first.left, first.right)
        first = first._replace(height=np.asarray(middle - np.mean(slope * (x - first.place))))
    peaks = others.is_peak
    low, high = np.quantile(others.place[peaks], [0.025, 0.975]) if peaks.any() else (np.nan,) * 2
    share = float(peaks.mean()) if len(peaks) else 0.0
    return TurningPoint(first, float(low), float(high), share, others, within)


class Bins(NamedTuple):
    """Points in bins of equal count, (bins,) each: means, and standard errors of the heights."""

    x: NDArray
    y: NDArray
    error: NDArray


def equal_count_bins(x: NDArray, y: NDArray, bins: int = 20) -> Bins:
    """Average points in bins of equal count along x."""
    parts = [part for part in np.array_split(np.argsort(x, kind="stable"), bins) if len(part)]
    errors = [y[part].std(ddof=min(1, len(part) - 1)) / np.sqrt(len(part)) for part in parts]
    means = (np.array([values[part].mean() for part in parts]) for values in (x, y))
    return Bins(next(means), next(means), np.array(errors))


def resampled(clusters: int, resamples: int, rng: np.random.Generator) -> NDArray:
    """Return how often each cluster counts: once in the first row, as it is drawn in the others."""
    shares = np.full(clusters, 1 / clusters)
    drawn = rng.multinomial(clusters, shares, size=resamples).astype(float)
    return np.concatenate([np.ones((1, clusters)), drawn])


def _places(x: NDArray) -> NDArray:
    """Return breakpoints to try: values of x, some points of which lie on either side."""
    ordered = np.sort(x)
    margin = int(np.ceil(MARGIN * len(x)))
    values = np.unique(ordered)
    values = values[(values >= ordered[margin]) & (values <= ordered[-1 - margin])]
    # A line needs two places: the outermost are none to break at.
    values = values[(values > ordered[0]) & (values < ordered[-1])]
    if len(values) > MOST_PLACES:
        share = np.linspace(MARGIN, 1 - MARGIN, MOST_PLACES)
        values = np.unique(np.quantile(x, share, method="nearest"))
    if not len(values):
        raise ValueError("at least three places must be different to fit two lines")
    return values


class _Sums:
    """Sums over each cluster that the least squares of any weighting of clusters need."""

    def __init__(self, x: NDArray, y: NDArray, labels: NDArray, within: bool) -> None:
        self.x, self.y, self.labels, self.within = x, y, labels, within
        self.sizes = np.bincount(labels).astype(float)

    def fit(self, places: NDArray, weights: NDArray) -> Lines:
        """Return the best lines for each weighting of the clusters, (weightings,) each.

        Args:
            places: Breakpoints to try.
            weights: Of the clusters, (weightings, clusters).
        """
        best = np.full(len(weights), -np.inf)
        found = [np.zeros(len(weights)) for _ in range(4)]
        step = max(1, AT_ONCE // (9 * max(len(self.sizes), len(weights))))
        for begin in range(0, len(places), step):
            some = places[begin : begin + step]
            gains, lines = self._solve(some, weights)
            chosen = gains.argmax(1)
            rows = np.arange(len(weights))
            better = gains[rows, chosen] > best + 1e-12
            best[better] = gains[rows, chosen][better]
            values = [some[chosen], *(lines[rows, chosen, column] for column in (1, 2, 0))]
            for kept, new in zip(found, values, strict=True):
                kept[better] = new[better]
        return Lines(*found)

    def _solve(self, places: NDArray, weights: NDArray) -> tuple[NDArray, NDArray]:
        """Return how much of the sum of squares each fit explains, and its coefficients."""
        sums = np.stack([self._cluster_sums(place) for place in places], 1)
        total = weights @ sums.reshape(len(sums), -1)
        total = total.reshape(len(weights), len(places), 9)
        gram = total[..., [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(*total.shape[:2], 3, 3)
        moment = total[..., 6:]
        # A breakpoint beside which a resample has no two places: no unique lines.
        gram = gram + 1e-10 * np.eye(3) * np.trace(gram, axis1=-2, axis2=-1)[..., None, None]
        lines = np.linalg.solve(gram, moment[..., None])[..., 0]
        return (lines * moment).sum(-1), np.where(np.abs(lines) < _FLAT, 0, lines)

    def _cluster_sums(self, place: float) -> NDArray:
        """Return products of the columns 1, left, right and y, summed over clusters: (., 9)."""
        left, right = np.minimum(self.x - place, 0), np.maximum(self.x - place, 0)
        columns = [np.ones_like(left), left, right, self.y]
        if self.within:
            columns = [self._centred(column) for column in columns]
        pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3)]
        products = [columns[one] * columns[other] for one, other in pairs]
        return np.stack([np.bincount(self.labels, product) for product in products], 1)

    def _centred(self, column: NDArray) -> NDArray:
        """Take the mean of each cluster out of a column."""
        return column - (np.bincount(self.labels, column) / self.sizes)[self.labels]
