"""A model of which 99 % is noise: its likelihood loses 4.6 nats, whatever the dimension."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import chi2

from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.dilution import diluted_log_prob, largest_loss

SHARE, NOISE_SCALE = 0.01, 3.0
DIMENSIONS = [1, 2, 4, 8, 16, 32, 64, 256, 1024, 3072]
DRAWS = 50_000


def study(bench: Bench) -> Study:
    """Dilute N(0, I) a hundredfold with N(0, 9 I), and price points of the former."""
    generator = bench.rng()
    rows, numbers = [], []
    for dimensions in DIMENSIONS:
        # Both densities depend on the radius alone, whose square is chi-square.
        drawn = _loss(generator.chisquare(dimensions, DRAWS), dimensions)
        shares = (np.arange(20_000) + 0.5) / 20_000
        exact = float(_loss(chi2.ppf(shares, dimensions), dimensions).mean())
        error = float(drawn.std() / math.sqrt(DRAWS))
        per_dim = exact / dimensions / math.log(2)
        rows.append([dimensions, float(drawn.mean()), error, exact, float(drawn.max()), per_dim])
        name = f"loss in {dimensions} dimensions"
        numbers.append(Number(name, float(drawn.mean()), exact=exact, error=error, unit="nats"))
    bound = largest_loss(SHARE)
    numbers.append(Number("largest loss", bound, exact=math.log(100), unit="nats"))
    figure, axes = canvas(1, 2, width=10, height=3.6)
    losses = [row[3] for row in rows]
    axes[0, 0].semilogx(DIMENSIONS, losses, "o-", color=BLUE, label="mean loss")
    axes[0, 0].axhline(bound, color=GREY, ls="--", label="ln 100")
    axes[0, 0].set(title="Of log-likelihood", xlabel="dimensions", ylabel="loss, nats", ylim=(0, 5))
    axes[0, 0].legend()
    axes[0, 1].loglog(DIMENSIONS, [row[5] for row in rows], "o-", color=ORANGE)
    axes[0, 1].set(title="For each dimension", xlabel="dimensions", ylabel="loss, bits a dimension")
    columns = [
        "dimensions",
        "loss, nats",
        "standard error",
        "by quadrature",
        "largest",
        "bits a dim",
    ]
    return Study(
        "Theis et al. 2016, section 3.2, as the article quotes it",
        "q = 0.01 p + 0.99 n loses at most ln 100 = 4.605 nats, invisible in high dimensions.",
        f"The loss is {losses[0]:.3f} nats in one dimension and {losses[-1]:.4f} in 3072, where it "
        f"is {rows[-1][5]:.5f} bits a dimension; it never passed {bound:.4f}. Of the samples of q, "
        f"99 % are noise all the same.",
        numbers,
        figure,
        [Table("Loss of N(0, I) diluted with N(0, 9 I)", columns, rows)],
    )


def _loss(squared_radius: np.ndarray, dimensions: int) -> np.ndarray:
    radius = torch.as_tensor(squared_radius)
    log_prob = -radius / 2 - dimensions / 2 * math.log(2 * math.pi)
    noise = -radius / (2 * NOISE_SCALE**2) - dimensions * math.log(NOISE_SCALE)
    noise = noise - dimensions / 2 * math.log(2 * math.pi)
    return (log_prob - diluted_log_prob(log_prob, noise, SHARE)).numpy()
