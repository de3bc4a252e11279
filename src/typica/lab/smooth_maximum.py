"""Where a smooth curve through qualities is highest: a check on two straight lines.

The curve is a cubic spline by least squares (Hastie, Tibshirani and Friedman 2009, "The elements
of statistical learning", equation 5.3); its knots are quantiles. It may have any shape: two lines
that meet find the bend of a plateau, the curve finds its highest place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from typica.lab.turning_point import resampled

KNOTS = (0.2, 0.4, 0.6, 0.8)  # shares of the points below each
EDGE = 0.02  # share of the points on either side where no maximum is sought
FINENESS = 401  # places that are compared


@dataclass(frozen=True)
class Maximum:
    """The highest place of a curve.

    Attributes:
        place: Where it is.
        low: 95 % interval by the bootstrap, over all its curves.
        high: Likewise.
        inner: Share of the bootstrap's curves that are highest within, and not at an end.
        places: What is compared, from one end to the other.
        curve: Its height there.
    """

    place: float
    low: float
    high: float
    inner: float
    places: NDArray
    curve: NDArray


def smooth_maximum(
    x: NDArray,
    y: NDArray,
    rng: np.random.Generator,
    *,
    clusters: NDArray | None = None,
    within: bool = False,
    resamples: int = 1000,
) -> Maximum:
    """Fit a cubic spline and find its maximum; arguments are those of `turning_point`."""
    labels = np.arange(len(x)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    weights = resampled(labels.max() + 1, resamples, rng)
    # In units in which powers are of one size, or their products lose their digits.
    unit = float(np.mean(x)), max(float(np.std(x)), 1e-300)
    shape = (*unit, np.unique(np.quantile(x, KNOTS, method="nearest")))
    first, last = np.quantile(x, [EDGE, 1 - EDGE])
    places = np.linspace(first, last, FINENESS)
    columns, middle = np.column_stack([_basis(x, *shape), y]), float(np.mean(y))
    if within:
        columns = columns - _means(columns, labels)[labels]
    total = weights @ _products(columns, labels)
    gram, moment = _equations(total, columns.shape[1] - 1)
    # Columns of the spline are of different sizes, and one is constant where levels are taken out.
    gram = gram + 1e-10 * np.eye(gram.shape[-1]) * np.diagonal(gram, 0, 1, 2).max(1)[:, None, None]
    fits = np.linalg.solve(gram, moment[..., None])[..., 0]
    curves = fits @ _basis(places, *shape).T
    highest = places[curves.argmax(1)]
    others = highest[1:]
    inner = (others > places[0]) & (others < places[-1])
    low, high = np.quantile(others, [0.025, 0.975])
    curve = curves[0] + middle - float(np.mean(_basis(x, *shape) @ fits[0]))
    return Maximum(float(highest[0]), float(low), float(high), float(inner.mean()), places, curve)


def _basis(x: NDArray, middle: float, width: float, knots: NDArray) -> NDArray:
    """Return the columns of a cubic spline: powers, and the cube behind each knot."""
    x, knots = (x - middle) / width, (knots - middle) / width
    bends = [np.maximum(x - knot, 0) ** 3 for knot in knots]
    return np.column_stack([x**power for power in range(4)] + bends)


def _means(columns: NDArray, labels: NDArray) -> NDArray:
    sizes = np.bincount(labels)
    return np.column_stack([np.bincount(labels, column) / sizes for column in columns.T])


def _products(columns: NDArray, labels: NDArray) -> NDArray:
    """Return the products of all columns with all, summed over clusters."""
    pairs = [one * other for one in columns.T for other in columns.T]
    return np.column_stack([np.bincount(labels, pair) for pair in pairs])


def _equations(total: NDArray, size: int) -> tuple[NDArray, NDArray]:
    table = total.reshape(len(total), size + 1, size + 1)
    return table[:, :size, :size], table[:, :size, size]
