import numpy as np
import pytest

from typica.lab.smooth_maximum import KNOTS, _basis, smooth_maximum


def rng(seed=0):
    return np.random.default_rng(seed)


def basis(x, at):
    return _basis(at, x.mean(), x.std(), np.quantile(x, KNOTS, method="nearest"))


def test_a_spline_is_cubic_between_knots_and_smooth_at_them():
    x = np.linspace(-3, 3, 601)
    columns = _basis(x, 0.0, 1.0, np.array([-1.0, 0.2]))
    third = np.diff(columns, 3, axis=0)
    for low, high in ((-3, -1), (-1, 0.2), (0.2, 3)):
        between = (x[:-3] >= low) & (x[3:] <= high)
        assert np.ptp(third[between], axis=0).max() < 1e-9
    assert np.abs(np.diff(columns, 2, axis=0)[1:] - np.diff(columns, 2, axis=0)[:-1]).max() < 1e-4
    assert np.linalg.matrix_rank(columns) == 6


@pytest.mark.parametrize("top", [-0.7, 0.0, 0.4])
def test_the_top_of_a_hill_is_found(top):
    x = rng(1).normal(size=1500)
    y = -((x - top) ** 2) + 0.4 * rng(2).normal(size=1500)
    found = smooth_maximum(x, y, rng(3), resamples=300)
    assert found.place == pytest.approx(top, abs=0.2)
    assert found.low < top < found.high
    assert found.inner > 0.99
    slow = np.linalg.lstsq(basis(x, x), y, rcond=None)[0]
    fitted = basis(x, found.places) @ slow
    assert found.curve == pytest.approx(fitted, abs=1e-4)
    assert found.place == pytest.approx(found.places[fitted.argmax()], abs=0.02)


def test_what_only_falls_is_highest_at_its_end():
    x = rng(1).normal(size=1500)
    found = smooth_maximum(x, -np.exp(x) + 0.5 * rng(2).normal(size=1500), rng(3), resamples=200)
    straight = smooth_maximum(x, -x, rng(3), resamples=50)
    assert straight.place == straight.places[0]
    assert straight.inner == 0
    assert found.place < -0.8


def test_levels_of_clusters_can_be_taken_out():
    generator = rng(5)
    clusters = np.repeat(np.arange(40), 25)
    level = generator.normal(size=40)
    x = 0.5 * level[clusters] + generator.normal(size=1000)
    y = 6 * level[clusters] - (x - 0.2) ** 2 + 0.3 * generator.normal(size=1000)
    within = smooth_maximum(x, y, rng(), clusters=clusters, within=True, resamples=100)
    across = smooth_maximum(x, y, rng(), clusters=clusters, resamples=100)
    assert within.place == pytest.approx(0.2, abs=0.15)
    assert across.place > 0.6
