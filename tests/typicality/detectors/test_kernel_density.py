import time

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import gaussian_kde, norm

from typica.typicality.detectors.kernel_density import KernelDensity, constant, spread

RNG = np.random.default_rng(0)
REFERENCES = {
    "one point": np.array([3.0]),
    "two points": np.array([0.0, 1.0]),
    "a normal far from 0": RNG.normal(1e4, 7, 5000),
    "sharp edges": RNG.uniform(size=5000),
    "heavy tails": RNG.standard_cauchy(5000),
    "clusters in gaps": np.r_[RNG.normal(size=5000), RNG.normal(50, 1, 3), RNG.normal(6, 0.01, 99)],
    "ties": RNG.integers(0, 5, 5000).astype(float),
    "a constant": np.full(50, 0.1),
    "one far outlier": np.r_[RNG.normal(size=5000), 1e6],
    "two tight clusters": np.r_[RNG.normal(0, 0.01, 3000), RNG.normal(5, 0.02, 3000)],
    "a far minority": np.r_[RNG.normal(size=4000), RNG.normal(1e5, 3, 1000)],
    "strays at the edges of a gap": np.r_[
        RNG.uniform(-1, 0, 3000), 0.05, 5, RNG.uniform(5.2, 6, 2000)
    ],
    "many clusters": (100 * np.arange(10)[:, None] + RNG.uniform(size=(10, 500))).ravel(),
}


def places(points, unit):
    """Values among the points, in their gaps, at their edges and far beyond."""
    rng = np.random.default_rng(1)
    low, high = points.min() - 30 * unit, points.max() + 30 * unit
    edges = rng.choice([points.min(), points.max()], 200) + rng.normal(size=200) * 8 * unit
    near = rng.choice(points, 200) + rng.normal(size=200) * unit
    steps = np.diff(np.sort(points), append=points.max())
    wide = steps.argmax()
    gap = np.sort(points)[wide] + steps[wide] * np.linspace(0, 1, 200)
    return np.r_[near, edges, gap, rng.uniform(low, high, 200), low - 1e3 * unit, high + 1e6 * unit]


@pytest.mark.parametrize("name", REFERENCES)
def test_table_splines_and_sums_agree_with_the_sum_over_all_points(name):
    points = REFERENCES[name]
    density = KernelDensity(points)
    unit = density.bandwidth * density.scale
    values = places(points, unit)

    found = density.log_density(values)

    away = (values[:, None] - points) / unit
    log_sum = logsumexp(-(away**2) / 2, axis=1)
    exact = log_sum - np.log(len(points) * density.bandwidth * np.sqrt(2 * np.pi))
    assert (np.abs(found - exact) / np.maximum(1, np.abs(exact) / 10)).max() < 6e-4


def test_the_bandwidth_is_silvermans():
    points = RNG.normal(3, 2, 400)
    density = KernelDensity(points)
    low, high = np.quantile(points, [0.25, 0.75])
    rule = 0.9 * min(points.std(), (high - low) / 1.349) * 400**-0.2

    theirs = gaussian_kde(points, bw_method=rule / points.std(ddof=1))

    values = np.linspace(-2, 8, 50)
    # Ours is the density of the statistic in units of its spread.
    ours = density.log_density(values) - np.log(density.scale)
    assert ours == pytest.approx(theirs.logpdf(values), abs=6e-4)


def test_a_density_adds_up_to_one():
    density = KernelDensity(REFERENCES["clusters in gaps"])
    grid = np.linspace(-60, 120, 2_000_001)

    total = np.exp(density.log_density(grid)).sum() * (grid[1] - grid[0]) / density.scale

    assert total == pytest.approx(1, abs=1e-4)


def test_many_points_draw_the_density_they_are_drawn_from():
    density = KernelDensity(RNG.normal(size=200_000))
    values = np.linspace(-2.5, 2.5, 11)

    found = density.log_density(values) - np.log(density.scale)

    assert found == pytest.approx(norm.logpdf(values), abs=0.05)


@pytest.mark.parametrize(("factor", "shift"), [(1e-6, 5), (-3, 1e4), (1e8, 0)])
def test_unit_and_origin_of_a_statistic_do_not_matter(factor, shift):
    points, values = RNG.gamma(3, 1, 500), RNG.gamma(3, 2, 500)

    there = KernelDensity(points * factor + shift).log_density(values * factor + shift)

    assert there == pytest.approx(KernelDensity(points).log_density(values), rel=1e-5, abs=1e-5)


def test_the_spread_is_robust_but_never_nought():
    outlier = np.r_[RNG.normal(size=999), 1e6]

    assert spread(outlier) == pytest.approx(1, abs=0.1)
    assert spread(np.r_[np.zeros(99), 1.0]) == pytest.approx(np.sqrt(0.99) / 10)
    assert spread(np.full(5, 0.1)) == 1


def test_rounding_is_no_spread():
    noise = RNG.uniform(-1, 1, 500)

    assert spread(1e4 + 1e-6 * noise) == 1
    assert spread(-1e4 + 1e-4 * noise) < 1e-4
    assert spread(1e-20 * noise) < 1e-20
    assert list(constant(np.stack([7 + 1e-12 * noise, noise], axis=1))) == [True, False]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_gap_between_many_points_takes_no_longer_than_its_values(share):
    count = 200_000
    low = int(share * count)
    points = np.r_[RNG.normal(0, 0.01, low), RNG.normal(9, 0.01, count - low)]
    density = KernelDensity(points)
    values = np.r_[RNG.uniform(1, 8, count), RNG.normal(9, 0.1, count)]

    began = time.perf_counter()
    density.log_density(values)

    # A twentieth of this on a quiet machine; the sum over all points takes an hour.
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize("shift", [0, 2, 50])
def test_a_million_values_take_seconds_even_beyond_a_sharp_edge(shift):
    density = KernelDensity(RNG.uniform(size=100_000))
    values = shift + RNG.uniform(size=1_000_000)

    began = time.perf_counter()
    density.log_density(values)

    # A tenth of this on a quiet machine; the sum over all points takes a quarter of an hour.
    assert time.perf_counter() - began < 5
