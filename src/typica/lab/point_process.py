"""Sets against sequences: the factorial, the unit of length, and orders drawn at random."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import quad
from torch import Tensor
from torch.distributions import Normal

from typica.core.randomness import seeded
from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.fibres import log_orders
from typica.typicality.point_process import (
    PoissonProcess,
    log_prob_over_orders,
    rescaled_log_janossy,
    thin,
)

RATE, SIZES = 5.0, range(13)
DRAWN, TRIALS = [1, 4, 16, 64, 256, 1024, 4096], 100


def study(bench: Bench) -> Study:
    """Weigh sets of all sizes, in two units, and a set under a model that minds the order."""
    process = PoissonProcess.homogeneous(RATE, 1.0)
    metres = [process.log_janossy(torch.zeros(count)) for count in SIZES]
    centimetres = _in_centimetres(metres)
    points = torch.linspace(-1, 1.5, 6, dtype=torch.float64)
    exact = log_prob_over_orders(_walk, points).value
    seeds = [bench.seed + trial for trial in range(TRIALS)]
    drawn = [
        [log_prob_over_orders(_walk, points, orders, seeded(seed)).value for seed in seeds]
        for orders in DRAWN
    ]
    means = [float(np.mean(values)) for values in drawn]
    spread = [float(np.std(values)) for values in drawn]
    kept, exact_kept = _thinned(bench)
    figure, axes = canvas(1, 2, width=10.5, height=3.8)
    axes[0, 0].plot(SIZES, metres, "o-", color=BLUE, label="lengths in metres")
    axes[0, 0].plot(SIZES, centimetres, "o-", color=ORANGE, label="in centimetres")
    axes[0, 0].set(xlabel="points in the set", ylabel="log Janossy density, nats")
    axes[0, 0].set_title("5 points expected on a metre: which set is likelier")
    axes[0, 0].legend()
    axes[0, 1].errorbar(
        DRAWN, means, spread, fmt="o-", color=BLUE, label="mean and spread of draws"
    )
    axes[0, 1].axhline(exact, color=GREY, ls="--", label="all 720 orders")
    axes[0, 1].set(xscale="log", xlabel="orders drawn", ylabel="log-density of the set, nats")
    axes[0, 1].set_title("Six points of a walk, their order unknown")
    axes[0, 1].legend(loc="lower right")
    error = spread[-1] / math.sqrt(TRIALS)
    coin = float(log_orders([12, 4])) / math.log(2)
    columns = ["orders", "mean, nats", "spread, nats", "below the exact, nats"]
    rows = [[n, m, s, exact - m] for n, m, s in zip(DRAWN, means, spread, strict=True)]
    return Study(
        "closing remark of the addendum, on ordered and unordered data",
        "A set is likelier than its sequence by n!, and its density has a unit.",
        f"Janossy densities of all sizes weigh one. In metres larger sets are denser, in "
        f"centimetres smaller ones: sets of different sizes cannot be ranked by density. One "
        f"random order gives {exact - means[0]:.2f} nats too little on average, {DRAWN[-1]} give "
        f"{exact - means[-1]:.4f}.",
        [
            Number("mass of sets of all sizes", _total_mass(), exact=1.0),
            Number(
                "orders of 12 heads and 4 tails",
                coin,
                exact=math.log2(math.comb(16, 12)),
                unit="bits",
            ),
            Number(
                "log-density of the set, drawn orders",
                means[-1],
                exact=exact,
                error=error,
                unit="nats",
            ),
            Number("points kept by thinning", kept, exact=exact_kept[0], error=exact_kept[1]),
        ],
        figure,
        [Table("A set of six under a random walk", columns, rows)],
    )


def _in_centimetres(metres: list[float]) -> list[float]:
    return [rescaled_log_janossy(value, count, 100) for count, value in enumerate(metres)]


def _walk(sequences: Tensor) -> Tensor:
    first = Normal(0.0, 1.0).log_prob(sequences[:, 0])
    return first + Normal(sequences[:, :-1], 0.3).log_prob(sequences[:, 1:]).sum(1)


def _total_mass() -> float:
    """Sum the integrals of j_n / n! for the rate 6 x on [0, 1], each by quadrature."""
    sloped = PoissonProcess(lambda points: (6 * points).log(), 3.0)
    none = math.exp(sloped.log_janossy(torch.zeros(0)))
    one = quad(
        lambda x: math.exp(sloped.log_janossy(torch.tensor([x], dtype=torch.float64))), 0, 1
    )[0]
    return math.fsum(none * (one / none) ** n / math.factorial(n) for n in range(41))


def _thinned(bench: Bench) -> tuple[float, tuple[float, float]]:
    """Keep points of rate 5 with probability x, and return the mean count against 5 / 2."""
    generator, trials = bench.generator(), 4000
    sizes = bench.rng().poisson(RATE, trials)
    kept = [
        len(
            thin(
                torch.rand(int(n), dtype=torch.float64, generator=generator), lambda x: x, generator
            )
        )
        for n in sizes
    ]
    return float(np.mean(kept)), (RATE / 2, math.sqrt(RATE / 2 / trials))
