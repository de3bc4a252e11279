"""Where quality is highest, and whether the data can tell: a spline, and a bootstrap of all of it.

The curve is a cubic spline by least squares (Hastie, Tibshirani and Friedman 2009, "The elements
of statistical learning", equation 5.3); its knots are quantiles. It may have any shape: two lines
that meet find where a slope changes most, which is not where a curve is highest. Each resample
draws whole prompts or words again, and with them everything that was estimated: number and places
of the knots, and the model's own samples by which the entropy is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

KNOTS = 4  # of the curve that is shown
MANY_KNOTS = (3, 4, 5, 6)  # those of a resample, one of them by chance
EDGE = 0.02  # share of the points on either side where no maximum is sought
FINENESS = 401  # places that are compared
SURE = 0.95
AT_AN_END = 0.25  # share of the range of places: what is highest there rises or falls
LEVEL = 0.1  # standard deviations of quality: a curve that gains or loses less is level

Shape = Literal["peak", "rises", "falls", "plateau", "undetermined"]
Redraw = Callable[[np.random.Generator], tuple[NDArray, NDArray]]


@dataclass(frozen=True)
class Maximum:
    """The highest place of a curve, and of what shape the curve is.

    Attributes:
        place: Where it is highest.
        low: 95 % interval by the bootstrap, over all its curves.
        high: Likewise.
        shape: "peak": it rises to the place and falls behind it, by a tenth of a standard
            deviation at least, in 97.5 % of the resamples each. "rises" or "falls": it does one of
            them, and is highest within the last or the first quarter of the places in 95 % of the
            resamples. "plateau": on a side on which it is not known to fall off, it surely loses
            less than a tenth of a standard deviation. "undetermined": none of these can be told.
        share: Of the model's own samples those that lie below the place; NaN if none are given.
        share_low: 95 % interval likewise.
        share_high: Likewise.
        places: What is compared, from one end to the other.
        curve: Its height there.
    """

    place: float
    low: float
    high: float
    shape: Shape
    share: float
    share_low: float
    share_high: float
    places: NDArray
    curve: NDArray

    @property
    def verdict(self) -> str:
        """Where a peak lies, "at 0" (H0), "below 0" (H1) or "above 0" (H2); else the shape."""
        if self.shape != "peak":
            return self.shape
        if self.low <= 0 <= self.high:
            return "at 0"
        return "below 0" if self.high < 0 else "above 0"


class _Curves(NamedTuple):
    """Curves of all resamples: (resamples, qualities, places), and own samples' shares below."""

    heights: NDArray
    shares: NDArray


def smooth_maximum(
    x: NDArray,
    y: NDArray,
    rng: np.random.Generator,
    *,
    clusters: NDArray | None = None,
    within: bool = False,
    resamples: int = 1000,
) -> Maximum:
    """Fit a curve to one quality, (points,); see `smooth_maxima`."""
    return smooth_maxima(x, y[:, None], rng, clusters=clusters, within=within, resamples=resamples)[
        0
    ]


def smooth_maxima(
    x: NDArray,
    y: NDArray,
    rng: np.random.Generator,
    *,
    clusters: NDArray | None = None,
    within: bool = False,
    own: NDArray | None = None,
    redraw: Redraw | None = None,
    resamples: int = 1000,
) -> list[Maximum]:
    """Fit curves to qualities and tell where each is highest.

    Args:
        x: Where each point lies, (points,).
        y: Its qualities, (points, qualities).
        rng: Draws the bootstrap.
        clusters: Which cluster each point is of, (points,); None for each one its own.
        within: Whether each cluster has a level of its own: then clusters that are better at
            every x do not bend the curve.
        own: Places of the model's own samples.
        redraw: Returns x and `own` as they are by samples that were drawn again; None where both
            are known exactly.
        resamples: Of the bootstrap.
    """
    own = np.empty(0) if own is None else own
    labels = np.arange(len(x)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    order = np.argsort(labels, kind="stable")
    groups = _Groups(labels[order], within)
    x, y = x[order], y[order]
    first, last = np.quantile(x, [EDGE, 1 - EDGE])
    places = np.linspace(first, last, FINENESS)
    curves = _fit(x, y, np.ones(len(x)), KNOTS, places, groups)
    heights, shares = [], []
    for _ in range(resamples):
        places_again, own_again = (x, own) if redraw is None else redraw(rng)
        points = places_again if redraw is None else places_again[order]
        weights = groups.drawn(rng)
        heights.append(_fit(points, y, weights, int(rng.choice(MANY_KNOTS)), places, groups))
        shares.append(_share_below(own_again, places[heights[-1].argmax(1)]))
    found = _Curves(np.array(heights), np.array(shares))
    levels = groups.centred(y).std(0) if within else y.std(0)
    share = _share_below(own, places[curves.argmax(1)])
    return [
        _maximum(places, curves[one], found.heights[:, one], found.shares[:, one], level, part)
        for one, (level, part) in enumerate(zip(levels, share, strict=True))
    ]


def _maximum(
    places: NDArray, curve: NDArray, others: NDArray, shares: NDArray, level: float, share: float
) -> Maximum:
    highest = places[others.argmax(1)]
    # Places are no finer than their distance, and neither is the interval.
    half = (places[1] - places[0]) / 2
    low, high = np.quantile(highest, [0.025, 0.975]) + [-half, half]
    share_low, share_high = np.quantile(shares, [0.025, 0.975])
    return Maximum(
        place=float(places[curve.argmax()]),
        low=float(low),
        high=float(high),
        shape=_shape(places, int(curve.argmax()), others, LEVEL * level),
        share=share,
        share_low=float(share_low),
        share_high=float(share_high),
        places=places,
        curve=curve,
    )


def _shape(places: NDArray, top: int, others: NDArray, little: float) -> Shape:
    """Tell the shape of a curve whose highest place is `top`, from those of the bootstrap."""
    highest, last = others.argmax(1), len(places) - 1
    early, late = np.quantile(highest, [0.025, 0.975]) / last
    at_ends = max((highest == 0).mean(), (highest == last).mean())
    rise, fall = (others[:, top] - others[:, end] for end in (0, last))
    (rises, rises_most), (falls, falls_most) = (
        np.quantile(one, [0.025, 0.975]) for one in (rise, fall)
    )
    # A spline swings beside a bend, by less than this: a smaller slope is no evidence.
    sure_rise, sure_fall = bool(rises > little), bool(falls > little)
    if sure_rise and sure_fall:
        return "peak" if at_ends < 1 - SURE else "undetermined"
    if sure_fall and late <= AT_AN_END:
        return "falls"
    if sure_rise and early >= 1 - AT_AN_END:
        return "rises"
    sides = ((sure_rise, rises_most), (sure_fall, falls_most))
    is_level = all(sure or most < little for sure, most in sides)
    return "plateau" if is_level else "undetermined"


def _share_below(own: NDArray, places: NDArray) -> NDArray:
    if not len(own):
        return np.full(len(places), np.nan)
    return np.array([(own < place).mean() for place in places])


class _Groups:
    """Clusters whose points lie together."""

    def __init__(self, labels: NDArray, within: bool) -> None:
        self.within = within
        self.sizes = np.bincount(labels)
        self.starts = np.concatenate([[0], self.sizes.cumsum()[:-1]])

    def drawn(self, rng: np.random.Generator) -> NDArray:
        """Return how often each point counts when clusters are drawn again, (points,)."""
        count = len(self.sizes)
        return np.repeat(rng.multinomial(count, np.full(count, 1 / count)), self.sizes)

    def centred(self, columns: NDArray) -> NDArray:
        """Take the mean of each cluster out of columns."""
        means = np.add.reduceat(columns, self.starts, axis=0) / self.sizes[:, None]
        return columns - np.repeat(means, self.sizes, axis=0)


def _fit(
    x: NDArray, y: NDArray, weights: NDArray, knots: int, places: NDArray, groups: _Groups
) -> NDArray:
    """Return the curves of weighted least squares at places, (qualities, places)."""
    ends = np.linspace(0, 1, knots + 2)[1:-1]
    drawn = np.repeat(x, weights.astype(int))
    # In units in which powers are of one size, or their products lose their digits.
    shape = (float(drawn.mean()), max(float(drawn.std()), 1e-12))
    at = np.unique(np.quantile(drawn, ends, method="nearest"))
    columns, middle = basis(x, *shape, at), np.average(y, axis=0, weights=weights)
    left, right = columns, y - middle
    if groups.within:
        left, right = groups.centred(left), groups.centred(right)
    weighted = left.T * weights
    gram, moment = weighted @ left, weighted @ right
    # The constant column is nothing where levels are taken out, and a resample may hold few places.
    size = np.sqrt(np.maximum(np.diagonal(gram), 1e-300))
    scaled = np.linalg.lstsq(gram / np.outer(size, size), moment / size[:, None], rcond=1e-10)[0]
    fits = scaled / size[:, None]
    heights = (basis(places, *shape, at) @ fits).T
    if groups.within:  # so high that it lies among the points on average
        heights = heights - np.average(columns @ fits, axis=0, weights=weights)[:, None]
    return heights + middle[:, None]


def basis(x: NDArray, middle: float, width: float, knots: NDArray) -> NDArray:
    """Return the columns of a cubic spline: powers, and the cube behind each knot."""
    x, knots = (x - middle) / width, (knots - middle) / width
    square = x * x
    columns = [np.ones_like(x), x, square, square * x]
    for knot in knots:
        above = np.maximum(x - knot, 0)
        columns.append(above * above * above)
    return np.column_stack(columns)
