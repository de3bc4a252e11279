"""The batch test of typicality: its size and its power, measured and calculated."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import brentq
from scipy.stats import chi2

from typica.lab.drawing import BLUE, GREEN, GREY, INK, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.detectors.batch import BatchTypicalityTest

DIMENSIONS, ALPHA = 100, 0.01
SIZES = (1, 2, 10, 25)
SCALES = (0.8, 0.9, 1.0, 1.1, 1.2)
BATCHES, VALIDATION, RESAMPLES = 20_000, 200_000, 100_000
REPEATS = 100  # of a threshold, to see how far it scatters


def study(bench: Bench) -> Study:
    """Reject batches of N(0, s^2 I) under the model N(0, I), and calculate how often."""
    rng = bench.rng()
    # Surprisals lack their constant, and so does the entropy, K / 2 then.
    validation = -rng.chisquare(DIMENSIONS, VALIDATION) / 2
    test = BatchTypicalityTest(ALPHA, RESAMPLES, bench.seed).fit(DIMENSIONS / 2, validation)
    measured, numbers = {}, []
    with bench.progress.task("testing batches", len(SIZES) * len(SCALES), "cases") as task:
        for size in SIZES:
            for scale in SCALES:
                batches = -(scale**2) * rng.chisquare(DIMENSIONS, (BATCHES, size)) / 2
                share = float(test.test_many(batches).reject.mean())
                measured[size, scale] = share
                numbers.append(_number(size, scale, share))
                task.advance()
    scatter = [_scatter(resamples, validation) for resamples in (50, 1000, 10_000)]
    return Study(
        source="Nalisnick et al. 2019, arXiv 1906.02994; no figure of the article",
        claim="Batches of M examples are tested at a chosen size, with power that grows with M.",
        finding=_finding(scatter),
        numbers=numbers,
        tables=[
            Table(
                f"Share of batches rejected, measured (exact), {DIMENSIONS} dimensions",
                ["M", "threshold (exact), nats", *(f"s = {scale}" for scale in SCALES)],
                [_row(size, test, measured) for size in SIZES],
            ),
            Table(
                "True size at M = 10 of thresholds drawn with so many resamples; alpha = 0.01",
                ["resamples", "mean size", "standard deviation", "largest"],
                scatter,
            ),
        ],
        figure=_draw(measured),
    )


def rejection(size: int, threshold: float, scale: float) -> float:
    """P(|s^2 C / M - K| > 2 threshold), C chi-square with M K degrees of freedom."""
    freedom = size * DIMENSIONS
    low, high = (size * (DIMENSIONS + side * 2 * threshold) / scale**2 for side in (-1, 1))
    return float(chi2.cdf(low, freedom) + chi2.sf(high, freedom))


@cache
def exact_threshold(size: int) -> float:
    """Return the deviation, in nats, that a share of alpha of the model's batches exceeds."""
    return brentq(lambda nats: rejection(size, nats, 1.0) - ALPHA, 0.1, 100.0, xtol=1e-12)


def _number(size: int, scale: float, share: float) -> Number:
    exact = rejection(size, exact_threshold(size), scale)
    name = "size" if scale == 1 else "power"
    where = f"{name}, M = {size}, s = {scale}"
    return Number(where, share, exact=exact, error=_error(size, scale, exact))


def _error(size: int, scale: float, exact: float) -> float:
    """Return the standard error of a share, by the batches and by the drawn threshold."""
    nats, step = exact_threshold(size), 1e-4
    slopes = [
        (rejection(size, nats - step, s) - rejection(size, nats + step, s)) / (2 * step)
        for s in (1.0, scale)
    ]
    threshold_error = np.sqrt(ALPHA * (1 - ALPHA) / RESAMPLES) / slopes[0]
    return float(np.hypot(np.sqrt(exact * (1 - exact) / BATCHES), threshold_error * slopes[1]))


def _scatter(resamples: int, validation: np.ndarray) -> list[float]:
    sizes = []
    for seed in range(REPEATS):
        test = BatchTypicalityTest(ALPHA, resamples, seed).fit(DIMENSIONS / 2, validation)
        sizes.append(rejection(10, test.threshold(10), 1.0))
    mean, spread, largest = np.mean(sizes), np.std(sizes), np.max(sizes)
    return [resamples, *(round(float(figure), 5) for figure in (mean, spread, largest))]


def _row(size: int, test: BatchTypicalityTest, measured: dict[tuple[int, float], float]) -> list:
    threshold = exact_threshold(size)
    cells = [
        f"{measured[size, scale]:.4f} ({rejection(size, threshold, scale):.5f})" for scale in SCALES
    ]
    return [size, f"{test.threshold(size):.4f} ({threshold:.5f})", *cells]


def _finding(scatter: list[list[float]]) -> str:
    few, default = scatter[0], scatter[1]
    powers = [rejection(size, exact_threshold(size), 0.9) for size in SIZES]
    return (
        f"Of a Gaussian of s = 0.9 the test rejects {powers[0]:.1%} of single examples,"
        f" {powers[2]:.1%} of batches of 10. Its size is alpha on the average only: with the"
        f" {few[0]} resamples of the paper it is {few[1]:.3f} with a standard deviation of"
        f" {few[2]:.3f}, with {default[0]} they are {default[1]:.4f} and {default[2]:.4f}."
    )


def _draw(measured: dict[tuple[int, float], float]) -> Figure:
    figure, axes = canvas(width=7.2, height=3.8)
    (ax,) = axes.flat
    grid = np.linspace(0.7, 1.3, 121)
    for size, colour in zip(SIZES, (GREY, ORANGE, GREEN, BLUE), strict=True):
        threshold = exact_threshold(size)
        exact = [rejection(size, threshold, scale) for scale in grid]
        ax.plot(grid, exact, color=colour, label=f"M = {size}")
        ax.plot(SCALES, [measured[size, scale] for scale in SCALES], "o", color=colour)
    ax.axhline(ALPHA, color=INK, linewidth=0.8, linestyle=":")
    ax.annotate("alpha = 0.01", (0.7, ALPHA), (0, 3), textcoords="offset points", fontsize=8)
    ax.set_title(f"How often a batch of N(0, s² I) is rejected, {DIMENSIONS} dimensions")
    ax.set_xlabel("standard deviation s of the batch (the model's is 1)")
    ax.set_ylabel("share rejected (lines exact, dots measured)")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
