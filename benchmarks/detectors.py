"""How long every detector over arrays takes for a million examples, against a sort of as many.

So with the kernel density of a million in two tight clusters, for values in the gap between.

python benchmarks/detectors.py [--examples 1000000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from typica.typicality.detectors.annulus import LatentAnnulus
from typica.typicality.detectors.base import Detector
from typica.typicality.detectors.batch import BatchTypicalityTest
from typica.typicality.detectors.complexity import InputComplexity
from typica.typicality.detectors.density_of_states import DensityOfStates, DensityOfStatesSVM
from typica.typicality.detectors.ensemble import WAIC
from typica.typicality.detectors.kernel_density import KernelDensity
from typica.typicality.detectors.martingale import MartingaleTest
from typica.typicality.detectors.one_point import OnePointTypicality
from typica.typicality.detectors.ratio import LikelihoodRatio
from typica.typicality.detectors.regret import LikelihoodRegret
from typica.typicality.detectors.threshold import LikelihoodThreshold

TARGET_S = 10.0  # for the fit and the p-values of a million, each
SHARES = [0.5, 0.9]  # of the examples in the first of two clusters
# A detector, and the statistics of an example that it is given.
DETECTORS: list[tuple[Detector, int]] = [
    (LikelihoodThreshold(), 1),
    (OnePointTypicality(), 1),
    (MartingaleTest(), 1),
    (LikelihoodRegret(), 1),
    (LikelihoodRatio(), 2),
    (InputComplexity(), 2),
    (WAIC(), 5),
    (LatentAnnulus(), 64),
    (DensityOfStates(), 1),
    (DensityOfStates(), 5),
    (DensityOfStatesSVM(), 5),
]


def seconds(action: Callable[[], object]) -> float:
    """Return the wall time of an action."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def measure(detector: Detector, rows: np.ndarray) -> tuple[float, float, float]:
    """Return the seconds to fit, to score, and to give p-values."""
    fit = seconds(lambda: detector.fit(rows))
    score = seconds(lambda: detector.score_samples(rows))
    return fit, score, seconds(lambda: detector.p_values(rows))


def measure_gap(examples: int, share: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the seconds to fit a density of two tight clusters, and to score the gap."""
    below = int(share * examples)
    points = np.r_[rng.normal(0, 0.01, below), rng.normal(9, 0.01, examples - below)]
    values = rng.uniform(1, 8, examples)
    fit = seconds(lambda: KernelDensity(points))
    density = KernelDensity(points)
    return fit, seconds(lambda: density.log_density(values))


def main() -> int:
    """Print the table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1_000_000)
    examples = parser.parse_args().examples
    rng = np.random.default_rng(0)
    log_probs = -rng.chisquare(100, examples) / 2
    limits = {"numpy's mean": log_probs.mean, "numpy's sort": lambda: np.sort(log_probs)}
    taken = {name: min(seconds(action) for _ in range(3)) for name, action in limits.items()}
    for name, limit in taken.items():
        print(f"{name:24}{limit:9.4f} s")
    sort, worst = taken["numpy's sort"], 0.0
    print(f"\n{'detector':24}{'columns':>8}{'fit':>9}{'score':>9}{'p-values':>10}{'/ sort':>8}")
    for detector, columns in DETECTORS:
        # Dependent, and not below 0, so that they serve as regrets too.
        rows = rng.gamma(9, 1, (examples, columns)) + 0.5 * rng.gamma(9, 1, (examples, 1))
        fit, score, p_values = measure(detector, rows)
        worst = max(worst, fit, p_values)
        name = type(detector).__name__
        print(f"{name:24}{columns:8}{fit:9.3f}{score:9.3f}{p_values:10.3f}{p_values / sort:8.1f}")
    for share in SHARES:
        fit, score = measure_gap(examples, share, rng)
        worst = max(worst, fit, score)
        name = f"a gap, {share:.0%} below"
        print(f"{name:24}{1:8}{fit:9.3f}{score:9.3f}{'':10}{score / sort:8.1f}")
    test = BatchTypicalityTest().fit(log_probs, log_probs)
    for size in (1, 10, 25):
        batches = log_probs[: examples // size * size].reshape(-1, size)
        took = seconds(lambda batches=batches: test.test_many(batches))
        worst = max(worst, took)
        name = f"batch test, M = {size}"
        print(f"{name:24}{'':8}{'':9}{'':9}{took:10.3f}{took / sort:8.1f}")
    print(f"\nlongest fit, p-values or scores of a gap {worst:.2f} s; target {TARGET_S} s")
    return int(worst > TARGET_S)


if __name__ == "__main__":
    sys.exit(main())
