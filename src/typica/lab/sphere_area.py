"""The area of the unit sphere grows to the seventh dimension, and then falls to nothing."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import brentq
from scipy.special import digamma

from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import sphere_log_area


def study(bench: Bench) -> Study:
    """Compute the areas on a log scale, where they neither overflow nor vanish."""
    dimensions = np.arange(1, 31)
    areas = np.exp(sphere_log_area(dimensions))
    # Where the derivative of log A vanishes: digamma(K / 2) = log(pi).
    peak = 2 * brentq(lambda half: digamma(half) - math.log(math.pi), 1, 10)
    numbers = [
        Number(
            "dimensions of the space in which the area is largest",
            float(dimensions[areas.argmax()]),
            published=7,
            remark="the sphere there is S^6: the article writes S^K for the sphere of R^K",
        ),
        Number("largest area", float(areas.max()), exact=16 * math.pi**3 / 15),
        Number("dimension of the maximum, if K were real", peak),
        Number(
            "area, K = 100",
            math.exp(sphere_log_area(100)),
            exact=2 * math.pi**50 / math.factorial(49),
        ),
        Number(
            "log of the area, K = 344",
            sphere_log_area(344),
            remark="evaluated as printed, Gamma(K/2) is infinite in float64 from here on",
        ),
        Number("log of the area, K = 1000", sphere_log_area(1000)),
        Number("log of the area, K = 10^6", sphere_log_area(10**6)),
    ]
    finding = (
        f"Among whole K the area is largest at {numbers[0].value:.0f}, among real ones at"
        f" {peak:.4f}, counted as dimensions of the space around the sphere; the sphere itself has"
        " one fewer. There is no sphere in no dimensions: the zero that the article draws at K = 0"
        " is 1 / Gamma(0)."
    )
    return Study(
        source="Addendum to Musings on typicality: figure of the surface area of a K-sphere",
        claim="The area of the unit sphere grows to a maximum at K = 7, and then tends to zero.",
        finding=finding,
        numbers=numbers,
        tables=[_table(dimensions[:10], areas)],
        figure=_draw(dimensions, areas),
    )


def _table(dimensions: np.ndarray, areas: np.ndarray) -> Table:
    rows = [
        [int(K), f"S^{K - 1}", f"{area:.6f}"] for K, area in zip(dimensions, areas, strict=False)
    ]
    return Table("Area of the unit sphere of R^K", ["K", "sphere", "area"], rows)


def _draw(dimensions: np.ndarray, areas: np.ndarray) -> Figure:
    figure, axes = canvas(1, 2, width=9.0, height=3.2)
    left, right = axes.flat
    left.vlines(dimensions, 0, areas, color=GREY)
    left.plot(dimensions, areas, "o", color=BLUE)
    best = int(areas.argmax())
    left.plot(dimensions[best], areas[best], "o", color=ORANGE, label=f"K = {dimensions[best]}")
    left.set_title("Largest around a ball of seven dimensions")
    left.set_ylabel("area of the unit sphere of R^K")
    left.set_ylim(bottom=0)
    left.legend()
    many = np.unique(np.geomspace(1, 1e6, 200).astype(int))
    right.loglog(many[many > 20], -sphere_log_area(many[many > 20]), color=BLUE)
    right.axvline(344, color=ORANGE, linestyle="--", label="Gamma(K/2) overflows")
    right.set_title("On a log scale there is no end")
    right.set_ylabel("-log(area)")
    right.legend()
    for ax in axes.flat:
        ax.set_xlabel("dimensions K of the space")
    return figure
