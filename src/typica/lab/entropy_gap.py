"""How far the mirage is from the Gaussian whose mean and covariance it has."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, GREEN, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import GaussianTypicality, Mirage
from typica.typicality.divergence import (
    kl_gaussian_to_mirage,
    kl_mirage_to_gaussian,
    total_variation,
)

SIZES = np.unique(np.geomspace(2, 1e6, 60).astype(int))
COUNT = 100_000


def study(bench: Bench) -> Study:
    """Compute entropies and divergences, and check them by samples where K is 10."""
    forth, back = _measured(bench, 10)
    gap = (math.log(2) + np.euler_gamma) / 2
    K = 10**6
    measured_gap = (GaussianTypicality(K).entropy() - float(Mirage(K).entropy())) / K
    numbers = [
        Number(
            "H of the mirage, K = 1", float(Mirage(1).entropy()), GaussianTypicality(1).entropy()
        ),
        Number("KL(mirage || Gaussian), K = 10", *_beside(back, kl_mirage_to_gaussian(10))),
        Number("KL(Gaussian || mirage), K = 10", *_beside(forth, kl_gaussian_to_mirage(10))),
        Number("(H_N - H_M) / K, K = 10^6", measured_gap, gap, unit="nats a dimension"),
        Number("total variation, K = 100", total_variation(100)),
        Number("total variation, K = 10^6", total_variation(K)),
    ]
    finding = (
        "The mirage has fewer nats than the Gaussian, by 0.635 a dimension in the limit: what"
        " coding its samples as Gaussian ones costs more. The other way it costs"
        f" {kl_gaussian_to_mirage(K):.2f} nats in all for K = 10^6, growing like log(K) / 2. Two"
        " distributions of the same mean and covariance come to overlap in nothing."
    )
    return Study(
        source="Addendum to Musings on typicality: entropies of the Gaussian and the mirage",
        claim="The mirage matches the Gaussian at K = 1 and keeps its scale, and is something very"
        " different beyond.",
        finding=finding,
        numbers=numbers,
        tables=[_table()],
        figure=_draw(),
    )


def _measured(bench: Bench, K: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the log ratios of the densities at samples of the Gaussian, and of the mirage."""
    gaussian, mirage, generator = GaussianTypicality(K), Mirage(K), bench.generator()
    normal = torch.randn(COUNT, K, generator=generator, dtype=torch.float64)
    own = mirage.sample((COUNT,), generator=generator)
    ratios = [
        -gaussian.entropy() - gaussian.deviation(x) - mirage.log_prob(x) for x in (normal, own)
    ]
    return ratios[0].numpy(), -ratios[1].numpy()


def _beside(ratios: np.ndarray, exact: float) -> tuple[float, float, None, float, str]:
    return float(ratios.mean()), exact, None, float(ratios.std()) / COUNT**0.5, "nats"


def _table() -> Table:
    rows = []
    for K in (2, 10, 100, 1000, 10**4, 10**6):
        figures = kl_mirage_to_gaussian(K), kl_gaussian_to_mirage(K), total_variation(K)
        rows.append([K, f"{float(Mirage(K).entropy()):.4f}", *(f"{one:.6g}" for one in figures)])
    columns = ["K", "H of the mirage, nats", "KL(M || N)", "KL(N || M)", "total variation"]
    return Table("Mirage M and Gaussian N", columns, rows)


def _draw() -> Figure:
    figure, axes = canvas(1, 2, width=9.0, height=3.2)
    left, right = axes.flat
    there = [kl_mirage_to_gaussian(K) for K in SIZES]
    left.loglog(SIZES, there, color=ORANGE, label="KL(mirage || Gaussian)")
    back = [kl_gaussian_to_mirage(K) for K in SIZES]
    left.loglog(SIZES, back, color=BLUE, label="KL(Gaussian || mirage)")
    left.set_title("Each costs the other differently")
    left.set_ylabel("nats")
    left.legend()
    right.semilogx(SIZES, [total_variation(K) for K in SIZES], color=GREEN)
    right.axhline(1, color=GREY, linewidth=0.8)
    right.set_title("And in the end they overlap in nothing")
    right.set_ylabel("total variation")
    right.set_ylim(0, 1.05)
    for ax in axes.flat:
        ax.set_xlabel("dimensions K")
    return figure
