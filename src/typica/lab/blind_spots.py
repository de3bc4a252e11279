"""What typicality cannot see: all that has the surprisal of a sample without being one."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import kstwo

from typica.lab.drawing import BLUE, GREEN, GREY, INK, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.detectors.batch import BatchTypicalityTest
from typica.typicality.detectors.density_of_states import DensityOfStates
from typica.typicality.detectors.one_point import OnePointTypicality

DIMENSIONS, ALPHA, BATCH = 100, 0.01, 25
EXAMPLES, BATCHES = 20_000, 1000
NARROW = 0.8
WIDE = float(np.sqrt(2 - NARROW**2))  # with the narrow one, the mean square of the model
ODD = ["on the sphere", "constant vector", "narrow or wide", "model's own"]


def study(bench: Bench) -> Study:
    """Hand the tests what has the right mean surprisal under N(0, I), and is no sample of it."""
    rng = bench.rng()
    reference, calibration = rng.normal(size=(2, EXAMPLES, DIMENSIONS))
    test = BatchTypicalityTest(ALPHA, 20_000, bench.seed)
    test.fit(DIMENSIONS / 2, log_probs(calibration))
    single = OnePointTypicality(ALPHA, entropy=DIMENSIONS / 2).fit(log_probs(reference))
    states = DensityOfStates(ALPHA).fit(statistics(reference)).calibrate(statistics(calibration))
    rows = []
    with bench.progress.task("testing", len(ODD), "kinds") as task:
        for name in ODD:
            x = draw(name, rng)
            batches = log_probs(x).reshape(BATCHES, BATCH)
            shares = [
                np.mean(single.predict(log_probs(x)) == -1),
                np.mean(test.test_many(batches).reject),
                np.mean(_uneven(single.p_values(log_probs(x)).reshape(BATCHES, BATCH))),
                np.mean(states.predict(statistics(x)) == -1),
            ]
            rows.append([name, *(float(share) for share in shares)])
            task.advance()
    return Study(
        source="Nalisnick et al. 2019, arXiv 1906.02994; no figure of the article",
        claim="Typical is what has about the surprisal of a sample: a necessary condition only.",
        finding=_finding(rows),
        numbers=_numbers(rows),
        tables=[Table(f"Share rejected at {ALPHA}, {DIMENSIONS} dimensions", COLUMNS, rows)],
        figure=_draw(rows, rng),
    )


COLUMNS = [
    "what",
    "one-point typicality",
    f"batch test, M = {BATCH}",
    f"evenness of {BATCH} p-values",
    "DoSE with two more statistics",
]


def draw(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draw examples whose squared length is that of the model's samples, on the average."""
    x = rng.normal(size=(BATCHES * BATCH, DIMENSIONS))
    if name == "on the sphere":
        return x * np.sqrt(DIMENSIONS) / np.linalg.norm(x, axis=1, keepdims=True)
    if name == "constant vector":
        return np.ones_like(x)
    if name == "narrow or wide":
        return x * rng.choice([NARROW, WIDE], (len(x), 1))
    return x


def log_probs(x: np.ndarray) -> np.ndarray:
    """Return log-likelihoods under N(0, I), without their constant, (examples,)."""
    return -np.square(x).sum(axis=1) / 2


def statistics(x: np.ndarray) -> np.ndarray:
    """Return the log-likelihood, the mean, and the correlation of neighbours."""
    neighbours = (x[:, 1:] * x[:, :-1]).mean(axis=1)
    return np.stack([log_probs(x), x.mean(axis=1), neighbours], axis=1)


def _uneven(p_values: np.ndarray) -> np.ndarray:
    """Tell which batches, (batches, examples), have other p-values than samples: not uniform.

    By the statistic of Kolmogorov and Smirnov, at level alpha.
    """
    steps = np.arange(BATCH + 1) / BATCH
    ordered = np.sort(p_values, axis=1)
    gap = np.maximum(steps[1:] - ordered, ordered - steps[:-1]).max(axis=1)
    return gap > kstwo.isf(ALPHA, BATCH)


def _numbers(rows: list[list]) -> list[Number]:
    table = {name: dict(zip(COLUMNS[1:], shares, strict=True)) for name, *shares in rows}
    exact = dict.fromkeys([(name, column) for name in ODD[:2] for column in COLUMNS[1:3]], 0.0)
    exact |= dict.fromkeys([(ODD[3], column) for column in COLUMNS[1:]], ALPHA)
    return [
        Number(f"{name}: rejected by {column}", share, exact=exact.get((name, column)))
        for name in ODD
        for column, share in table[name].items()
    ]


def _finding(rows: list[list]) -> str:
    sphere, constant, mixture, _ = (row[1:] for row in rows)
    return (
        f"Points of the sphere of radius sqrt(K) and the vector (1, ..., 1) have exactly the"
        f" entropy for surprisal: neither one-point typicality nor the mean of any number of them"
        f" rejects them. The constant vector is caught by other statistics ({constant[3]:.0%}). A"
        f" point of the sphere is a typical point; many together are betrayed by surprisals that do"
        f" not scatter: {sphere[2]:.0%} of batches have p-values that are not uniform. Of a mixture"
        f" of narrow and wide, one-point typicality rejects {mixture[0]:.0%}, the batch test"
        f" {mixture[1]:.0%} of the batches, the evenness of their p-values {mixture[2]:.0%}."
    )


def _draw(rows: list[list], rng: np.random.Generator) -> Figure:
    figure, axes = canvas(1, 2, width=10.5, height=3.8)
    left, right = axes.flat
    grid = np.linspace(-40, 60, 101)
    for name, colour in (("model's own", INK), ("narrow or wide", ORANGE)):
        away = -log_probs(draw(name, rng)) - DIMENSIONS / 2
        left.hist(away, grid, density=True, histtype="step", color=colour, label=name)
    left.axvline(0, color=BLUE, label="on the sphere, constant vector")
    left.set_xlabel("surprisal less entropy, nats")
    left.set_ylabel("density")
    left.set_title("All have the right surprisal on the average")
    left.set_ylim(0, 0.075)
    left.legend(loc="upper right", fontsize=8)
    width = 0.2
    for number, colour in enumerate((GREY, ORANGE, BLUE, GREEN)):
        places = np.arange(len(rows)) + (number - 1.5) * width
        shares = [row[1 + number] for row in rows]
        right.bar(places, shares, width, color=colour, label=COLUMNS[1 + number])
    right.set_xticks(range(len(rows)), ["\n".join(row[0].rsplit(" ", 1)) for row in rows])
    right.set_ylabel(f"share rejected at {ALPHA}")
    right.set_ylim(0, 1.05)
    right.set_title("Who sees what")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=8)
    return figure
