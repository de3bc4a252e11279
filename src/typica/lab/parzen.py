"""Parzen windows: far from the true likelihood, and won by centroids that are no samples."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.lab.drawing import BLUE, GREEN, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.parzen import Parzen

DIMENSIONS = [1, 10, 100]
SAMPLES, FEW, VALIDATION, HELD_OUT = 10_000, 1000, 300, 1000
COARSE, FINE = np.geomspace(0.05, 1.6, 12), np.geomspace(0.75, 1.33, 15)


class Row(NamedTuple):
    """Mean nats of held-out points, and standard errors of paired differences."""

    dimensions: int
    exact: float
    parzen: float
    parzen_error: float
    samples: float
    centroids: float
    centroids_error: float


def study(bench: Bench) -> Study:
    """Price N(0, I) by windows around its samples and around centroids of its samples."""
    generator = bench.generator()
    with bench.progress.task("Parzen windows", len(DIMENSIONS), "dimensions") as task:
        rows = []
        for dimensions in DIMENSIONS:
            rows.append(_row(dimensions, generator, bench.seed))
            task.advance()
    numbers = []
    for row in rows:
        where = f"in {row.dimensions} dimensions"
        numbers += [
            Number(f"Parzen less exact {where}", row.parzen - row.exact, error=row.parzen_error),
            Number(
                f"centroids less samples {where}",
                row.centroids - row.samples,
                error=row.centroids_error,
            ),
        ]
    last = rows[-1]
    figure, axes = canvas(1, 1, width=6.8, height=3.8)
    place = np.arange(len(rows))
    series = [
        ("exact", [row.exact for row in rows], GREY),
        (f"{SAMPLES} samples", [row.parzen for row in rows], BLUE),
        (f"{FEW} samples", [row.samples for row in rows], GREEN),
        (f"{FEW} centroids", [row.centroids for row in rows], ORANGE),
    ]
    for shift, (name, values, colour) in enumerate(series):
        heights = [-value / d for value, d in zip(values, DIMENSIONS, strict=True)]
        axes[0, 0].plot(place + 0.1 * (shift - 1.5), heights, "o", color=colour, label=name)
    axes[0, 0].set_xticks(place, [str(d) for d in DIMENSIONS])
    axes[0, 0].set(
        xlabel="dimensions", ylabel="nats a dimension (less is better)", ylim=(1.2, 1.75)
    )
    axes[0, 0].set_title("Held-out points of N(0, I), by the truth and by Parzen windows")
    axes[0, 0].legend(loc="upper left", ncols=2)
    return Study(
        "Theis et al. 2016, section 3.3",
        "Parzen-window estimates are far from the truth and may rank models wrongly.",
        f"In {last.dimensions} dimensions, {SAMPLES} samples give {last.parzen:.1f} nats where "
        f"{last.exact:.1f} is true, and {FEW} centroids win over {FEW} true samples by "
        f"{last.centroids - last.samples:.1f} nats.",
        numbers,
        figure,
        [Table("Mean log-likelihood of held-out points, nats", Row._fields, rows)],
    )


def _row(dimensions: int, generator: torch.Generator, seed: int) -> Row:
    samples, validation, test = (
        torch.randn(count, dimensions, dtype=torch.float64, generator=generator)
        for count in (SAMPLES, VALIDATION, HELD_OUT)
    )
    exact = -(test**2).sum(1) / 2 - dimensions / 2 * math.log(2 * math.pi)
    many, few, centroids = (
        _fit(centres, validation).log_prob(test)
        for centres in (samples, samples[:FEW], _centroids(samples, seed))
    )
    return Row(
        dimensions,
        exact.mean().item(),
        many.mean().item(),
        _error(many - exact),
        few.mean().item(),
        centroids.mean().item(),
        _error(centroids - few),
    )


def _fit(centres: Tensor, validation: Tensor) -> Parzen:
    """Choose the bandwidth in two rounds: coarse steps alone cost a nat in 100 dimensions."""
    about = Parzen.fit(centres, validation, COARSE.tolist()).bandwidth
    return Parzen.fit(centres, validation, (about * FINE).tolist())


def _centroids(samples: Tensor, seed: int) -> Tensor:
    from sklearn.cluster import KMeans

    means = KMeans(FEW, n_init=1, max_iter=20, random_state=seed)
    return torch.from_numpy(means.fit(samples.numpy()).cluster_centers_)


def _error(differences: Tensor) -> float:
    return differences.std().item() / math.sqrt(len(differences))
