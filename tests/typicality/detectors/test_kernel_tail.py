import numpy as np
import pytest
from scipy.special import logsumexp

from typica.typicality.detectors.kernel_tail import KernelTail

DISTANCES = np.geomspace(1e-3, 3e4, 500)
CROWDS = {
    "a sharp edge": np.linspace(0, 3, 2000),
    "many at one place": np.zeros(2000),
    "few": np.array([0.0, 0.5, 4]),
    # From some distance on the first alone counts: the worst for a spline.
    "many close behind one": np.r_[0, 0.3 + np.linspace(0, 1e-4, 30_000)],
    "many far behind one": np.r_[0, 4 + np.linspace(0, 1e-4, 30_000)],
    "normal": np.sort(np.abs(np.random.default_rng(0).normal(size=5000))),
}


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("width", [6, 40, np.inf])
@pytest.mark.parametrize("name", CROWDS)
def test_a_tail_is_the_sum_of_all_kernels(name, width, side):
    behind = CROWDS[name]
    distances = DISTANCES[width > DISTANCES]

    tail = KernelTail(7 - side * behind, np.ones(len(behind)), width)
    found = tail(7 + side * distances) + distances**2 / 2

    exact = logsumexp(-behind * (distances[:, None] + behind / 2), axis=1)
    # At 3e4 bandwidths d^2 / 2 is 5e8, of which float64 holds 1e-7.
    assert found == pytest.approx(exact, abs=1e-4)


def test_a_point_of_some_weight_is_as_many_points():
    one = KernelTail(np.array([0.0, -0.2]), np.array([2.0, 1e6]), 100)
    x = np.linspace(0, 100, 1000)

    exact = np.logaddexp(np.log(2) - x**2 / 2, np.log(1e6) - (x + 0.2) ** 2 / 2)
    assert one(x) == pytest.approx(exact, abs=1e-4)


def test_infinitely_far_there_is_nothing():
    assert KernelTail(np.zeros(1), np.ones(1), np.inf)(np.array([1e200])) == -np.inf
