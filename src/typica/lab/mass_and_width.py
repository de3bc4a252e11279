"""How much of a Gaussian its typical set holds, against the width of the annulus."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, GREY, INK, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import GaussianTypicality

K = 100
EPS = np.logspace(-1, 2, 200)  # bits, as in the article's figure
BITS = {"unit": "bits", "per": "total"}


def study(bench: Bench) -> Study:
    """Compute the article's figure without its million samples."""
    gaussian = GaussianTypicality(K)
    mass, width = gaussian.mass(EPS, **BITS), gaussian.annulus(EPS, **BITS).width
    ball = gaussian.eps_for_width(math.sqrt(2 * K), **BITS)
    at_four = gaussian.eps_for_width(4.0, **BITS)
    numbers = [
        Number(
            "mass of the annulus of width 4",
            gaussian.mass(at_four, **BITS),
            published="most",
            remark="P(8 < r < 12) is 0.99544: the typical set is symmetric in r^2, not in r",
        ),
        Number("eps of that width", at_four, unit="bits"),
        Number("eps of 95 % of the mass", gaussian.eps_for_mass(0.95, **BITS), unit="bits"),
        Number("eps from which the set is a ball", ball, exact=K / 2 / math.log(2), unit="bits"),
        Number("width at which it becomes one", math.sqrt(2 * K)),
        Number("points of the figure whose set contains the mode", int((ball <= EPS).sum())),
        Number("largest width of the figure", float(width[-1])),
    ]
    finding = (
        f"The annulus of width 4 holds {100 * numbers[0].value:.2f} % of the mass, by the"
        " chi-square law: no integral in 100 dimensions is needed, nor a sample. -log f - H is"
        " (r^2 - K) / 2 nats, so that a factor log 4 belongs to an eps in bits and 2 to one in"
        f" nats. From {ball:.2f} bits on, half a nat a dimension, the typical set is a ball with"
        " the mode in it: whether the mode is typical is a question of eps."
    )
    return Study(
        source="Musings on typicality, section 4: figure of mass against the annulus's width",
        claim="An annulus of width 4 already contains most of the mass; the mode usually is not"
        " part of the typical set.",
        finding=finding,
        numbers=numbers,
        tables=[_radii(gaussian), _growth()],
        figure=_draw(mass, width, numbers[0].value),
    )


def _radii(gaussian: GaussianTypicality) -> Table:
    rows = []
    for eps in (1.0, 5.0, 10.0, 20.0, 50.0, 100.0):
        annulus = gaussian.annulus(eps, **BITS)
        mass = gaussian.mass(eps, **BITS)
        radii = (f"{one:.4f}" for one in (*annulus, annulus.width))
        rows.append([f"{eps:g}", *radii, f"{mass:.7f}"])
    columns = ["eps, bits", "inner radius", "outer radius", "width", "mass"]
    return Table("Typical sets of a standard Gaussian, K = 100", columns, rows)


def _growth() -> Table:
    rows = []
    for size in (1, 10, 100, 1000, 10**4, 10**6):
        eps = GaussianTypicality(size).eps_for_mass(0.95, **BITS)
        rows.append([size, f"{eps:.5f}", f"{eps / size:.5f}"])
    return Table("eps of 95 % of the mass", ["K", "bits in all", "bits a dimension"], rows)


def _draw(mass: np.ndarray, width: np.ndarray, at_four: float) -> Figure:
    figure, axes = canvas(1, 2, width=9.0, height=3.3)
    left, right = axes.flat
    left.plot(width, mass, color=BLUE)
    left.plot(4, at_four, "o", color=ORANGE)
    left.annotate(f"{100 * at_four:.2f} % at width 4", (4, at_four), (5, 0.84), color=ORANGE)
    left.set_title("Mass of the typical set, K = 100")
    left.set_xlabel("width of the annulus, r_hi - r_lo")
    left.set_ylabel("probability")
    right.plot(EPS, width, color=BLUE)
    right.axhline(math.sqrt(2 * K), color=GREY, linewidth=0.8)
    right.axvspan(K / math.log(4), EPS[-1], color=GREY, alpha=0.2, linewidth=0)
    right.annotate("a ball", (K / math.log(4) + 3, 4), color=INK)
    right.set_title("The annulus closes to a ball")
    right.set_xlabel("eps, bits in all")
    right.set_ylabel("width")
    return figure
