"""A Gaussian mirage: the same mean and covariance, and another distribution altogether."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, INK, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import GaussianTypicality, Mirage

SIZES, COORDINATES = (1, 3, 10, 100), 1_000_000
COUNT = 100_000  # samples of which the surprisal is taken
EACH = {"unit": "nats", "per": "dim"}


def study(bench: Bench) -> Study:
    """Draw both distributions, and compare what is measured with what can be computed."""
    generator = bench.generator()
    points = {K: Mirage(K).sample((COORDINATES // K,), generator=generator).numpy() for K in SIZES}
    mirage = Mirage(100)
    surprisal = -mirage.log_prob(mirage.sample((COUNT,), generator=generator)).numpy()
    sd = math.sqrt(mirage.varentropy)
    numbers = [_kurtosis(K, x) for K, x in points.items()]
    entropy = float(mirage.entropy())
    numbers += [
        Number("H, K = 100", float(surprisal.mean()), entropy, None, sd / COUNT**0.5, "nats"),
        Number("standard deviation of -log f, K = 100", float(surprisal.std()), sd, unit="nats"),
        Number("that of a Gaussian, K = 100", math.sqrt(50), unit="nats"),
        Number("mass within 0.1 nats a dimension, K = 10^6", Mirage(10**6).mass(0.1, **EACH)),
        Number("the Gaussian's", GaussianTypicality(10**6).mass(0.1, **EACH)),
        Number(
            "inner radius of the typical set, K = 100, 3 nats a dimension",
            mirage.annulus(3.0, **EACH).r_lo,
            published="the mode is not unequivocally a member",
            remark="the mode is in no typical set of any finite eps, for K of 2 and more",
        ),
    ]
    finding = (
        "Coordinates pile up around zero, though not without bound: their kurtosis 9K / (K + 2)"
        " tends to 9, their density to K_0(|x|) / pi. The spread of -log f grows like"
        " pi / sqrt(8) K, so that its share of the entropy does not vanish: the mirage has no"
        " asymptotic equipartition, and an eps for 90 % of the mass stays at 1.56 nats a dimension."
    )
    return Study(
        source="Addendum to Musings on typicality: histograms of coordinates; typical sets",
        claim="Coordinates of the mirage become highly leptokurtic as K increases, and a large"
        " range of densities is needed to capture the bulk of its mass.",
        finding=finding,
        numbers=numbers,
        tables=[_eps()],
        figure=_draw(points, surprisal - entropy, bench.rng()),
    )


def _kurtosis(K: int, points: np.ndarray) -> Number:
    """Coordinates of a point are not independent: the error is that over points."""
    fourth = (points**4).mean(1)
    error = float(fourth.std()) / math.sqrt(len(points))
    return Number(
        f"kurtosis of a coordinate, K = {K}", float(fourth.mean()), 9 * K / (K + 2), None, error
    )


def _eps() -> Table:
    rows = []
    for K in (2, 10, 100, 10**4, 10**6):
        eps = Mirage(K).eps_for_mass(np.array([0.5, 0.9, 0.99]), **EACH)
        gaussian = GaussianTypicality(K).eps_for_mass(0.9, **EACH)
        rows.append([K, *(f"{one:.4f}" for one in eps), f"{gaussian:.4f}"])
    columns = ["K", "50 % of the mass", "90 %", "99 %", "90 % of the Gaussian's"]
    return Table("eps of a given mass of the mirage, nats a dimension", columns, rows)


def _draw(points: dict[int, np.ndarray], deviation: np.ndarray, rng: np.random.Generator) -> Figure:
    figure, axes = canvas(2, 3, width=10.0, height=5.4)
    edges = np.linspace(-4, 4, 101)
    # An even number of points spares the one at 0, where the density is infinite.
    fine = torch.linspace(-4, 4, 1000, dtype=torch.float64)
    for ax, (K, values) in zip(axes.flat, points.items(), strict=False):
        ax.hist(values.ravel(), edges, density=True, color=ORANGE, alpha=0.5, label="mirage")
        ax.plot(
            fine, Mirage(K).marginal_log_prob(fine).exp(), color=INK, linewidth=1, label="exact"
        )
        normal = np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi)
        ax.plot(edges, normal, color=BLUE, label="Gaussian")
        ax.set_title(f"One coordinate, K = {K}")
        ax.set_ylim(0, 1.2)
        ax.set_xlabel("x")
    axes[0, 0].set_ylabel("density")
    axes[1, 0].set_ylabel("density")
    axes[0, 0].legend(loc="upper right")
    radii, surprisals = axes[1, 1:]
    unit = np.linspace(0, 3, 76)
    for ratio, label, colour in (
        (np.abs(rng.standard_normal(COUNT)), "mirage", ORANGE),
        (np.sqrt(rng.chisquare(100, COUNT) / 100), "Gaussian", BLUE),
    ):
        radii.hist(ratio, unit, density=True, color=colour, alpha=0.5, label=label)
    radii.axvline(
        Mirage(100).typical_radius / 10, color=INK, linestyle="--", label="typical radius"
    )
    radii.legend()
    radii.set_title("Radius over sqrt(K), K = 100")
    radii.set_xlabel("r / sqrt(K)")
    gaussian = (rng.chisquare(100, COUNT) - 100) / 2
    for values, colour in ((deviation, ORANGE), (gaussian, BLUE)):
        surprisals.hist(
            values / 100, np.linspace(-4, 2, 121), density=True, color=colour, alpha=0.5
        )
    surprisals.set_yscale("log")
    surprisals.set_title("(-log f - H) / K, K = 100")
    surprisals.set_xlabel("nats a dimension")
    return figure
