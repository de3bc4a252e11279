"""Where the typical set of a Gaussian mirage lies: at 0.52984 sqrt(K), in the limit."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, GREY, INK, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import Mirage

SIZES = np.unique(np.round(np.logspace(0, 6, 100)))  # as in the article's figure
COUNT = 100_000
LIMIT = math.exp(-np.euler_gamma / 2) / math.sqrt(2)


def study(bench: Bench) -> Study:
    """Solve for the typical radius in each dimension of the article's figure."""
    ratio = np.array([Mirage(K).typical_radius / math.sqrt(K) for K in SIZES])
    million = float(ratio[-1])
    samples = Mirage(100).sample((COUNT,), generator=bench.generator()).norm(dim=1) / 10
    geometric = float(samples.log().mean().exp())
    numbers = [
        Number(
            "r / sqrt(K), K = 10^6",
            million,
            exact=LIMIT * (1 + (1 - LIMIT**2) / 2e6),
            published=0.52984,
            remark="the limit is exp(-gamma / 2) / sqrt(2) exactly, the geometric mean of |z|",
        ),
        Number(
            "geometric mean of r / sqrt(K), K = 100",
            geometric,
            exact=LIMIT,
            # The variance of log|z| is pi^2 / 8 for a standard z.
            error=geometric * math.pi / math.sqrt(8 * COUNT),
        ),
        Number(
            "r, K = 1", Mirage(1).typical_radius, exact=1.0, remark="evaluated as printed it is NaN"
        ),
        Number("mean of r / sqrt(K)", float(samples.mean()), math.sqrt(2 / math.pi), 0.79788),
        Number(
            "standard deviation of r / sqrt(K)",
            float(samples.std()),
            math.sqrt(1 - 2 / math.pi),
            1.0,
            remark="sqrt(K) is the standard deviation of the signed radius",
        ),
        Number("mass inside the typical radius, K = 10^6", math.erf(million / math.sqrt(2))),
    ]
    finding = (
        f"r / sqrt(K) falls from 1 at K = 1 through {Mirage(100).typical_radius / 10:.6f} at"
        f" K = 100 to {million:.10f} at K = 10^6. The limit is exp(-gamma / 2) / sqrt(2) ="
        f" {LIMIT:.10f}, approached like 1 + {(1 - LIMIT**2) / 2:.3f} / K."
    )
    return Study(
        source="Addendum to Musings on typicality: figure of the typical radius of the mirage",
        claim="The radius of the typical set, over sqrt(K), seems to converge to 0.52984.",
        finding=finding,
        numbers=numbers,
        tables=[_table()],
        figure=_draw(ratio),
    )


def _table() -> Table:
    rows = []
    for K in (1, 2, 3, 10, 100, 1000, 10**4, 10**6):
        mirage = Mirage(K)
        radius = mirage.typical_radius
        ratio, inside = radius / math.sqrt(K), mirage.radius_cdf(radius)
        rows.append([K, f"{radius:.10g}", f"{ratio:.10f}", f"{inside:.4f}"])
    columns = ["K", "typical radius r", "r / sqrt(K)", "mass inside r"]
    return Table("The typical radius of the mirage", columns, rows)


def _draw(ratio: np.ndarray) -> Figure:
    figure, axes = canvas(1, 2, width=9.0, height=3.2)
    left, right = axes.flat
    left.semilogx(SIZES, ratio, color=BLUE, label="mirage")
    left.axhline(1, color=GREY, label="Gaussian: 1, all K")
    left.axhline(math.sqrt(2 / math.pi), color=GREY, linestyle=":", label="mean of the half-normal")
    left.axhline(LIMIT, color=ORANGE, linestyle="--", label="exp(-gamma / 2) / sqrt(2)")
    left.set_title("Where the typical set lies")
    left.set_ylim(0, 1.2)
    left.set_ylabel("typical radius over sqrt(K)")
    left.legend(loc="lower left")
    right.loglog(SIZES, ratio - LIMIT, color=BLUE, label="r / sqrt(K) less its limit")
    slope = LIMIT * (1 - LIMIT**2) / 2
    right.loglog(SIZES, slope / SIZES, color=INK, linestyle=":", label=f"{slope:.3f} / K")
    right.set_title("How fast the limit is approached")
    right.set_ylabel("difference")
    right.legend()
    for ax in axes.flat:
        ax.set_xlabel("dimensions K")
    return figure
