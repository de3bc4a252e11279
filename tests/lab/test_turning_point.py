import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.lab.turning_point import equal_count_bins, turning_point


def rng(seed=0):
    return np.random.default_rng(seed)


def roof(x, place, left=1.0, right=-2.0):
    return np.where(x < place, left, right) * (x - place)


def least_squares(x, y, place):
    """Fit by hand, at one breakpoint."""
    columns = np.stack([np.ones_like(x), np.minimum(x - place, 0), np.maximum(x - place, 0)], 1)
    found, *_ = np.linalg.lstsq(columns, y, rcond=None)
    return found, ((y - columns @ found) ** 2).sum()


@settings(max_examples=20)
@given(st.floats(-1, 1), st.floats(0.1, 3), st.floats(-3, -0.1), st.floats(-5, 5))
def test_a_roof_without_noise_is_found_where_it_is(place, left, right, height):
    x = np.linspace(-2, 2, 301)
    found = turning_point(x, height + roof(x, place, left, right), rng(), resamples=20)
    assert found.place == pytest.approx(place, abs=0.03)
    assert found.lines.left == pytest.approx(left, abs=0.1)
    assert found.lines.right == pytest.approx(right, abs=0.1)
    assert found.lines.at(np.array([place]))[0] == pytest.approx(height, abs=0.15)
    assert found.exists


def test_the_fit_is_that_of_least_squares_over_all_its_places():
    x = rng().normal(size=60).round(1)
    y = roof(x, 0.3) + rng(1).normal(size=60)
    found = turning_point(x, y, rng(2), resamples=5)

    errors = {place: least_squares(x, y, place)[1] for place in np.unique(x)[3:-3]}
    assert found.place == min(errors, key=errors.get)
    by_hand, _ = least_squares(x, y, found.place)
    assert [found.lines.height, found.lines.left, found.lines.right] == pytest.approx(by_hand)


@pytest.mark.parametrize("place", [0, -0.6, 0.6])
def test_noisy_roofs_are_told_apart(place):
    x = rng(1).normal(size=2000)
    y = roof(x, place) + rng(2).normal(size=2000)
    found = turning_point(x, y, rng(3), resamples=300)
    assert found.low < place < found.high
    assert found.high - found.low < 0.5
    assert found.exists


@pytest.mark.parametrize("slopes", [(-1, -1), (-1, -3), (2, 0.5), (1, 1), (0, 0), (-1, 2)])
def test_what_only_rises_or_falls_has_no_turning_point(slopes):
    x = rng(1).normal(size=1500)
    y = roof(x, 0.2, *slopes)
    for noise in (0, 1):
        found = turning_point(x, y + noise * rng(2).normal(size=1500), rng(3), resamples=200)
        assert not found.exists


def test_a_peak_that_the_bootstrap_doubts_does_not_exist():
    x = rng(1).normal(size=150)
    y = roof(x, 0.5, 0.15, -0.15) + rng(3).normal(size=150)
    found = turning_point(x, y, rng(3), resamples=200)
    assert bool(found.lines.is_peak)
    assert found.peaks < 0.95
    assert not found.exists


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(40):
        x = rng(seed).normal(size=250)
        y = roof(x, 0.1, 1, -1) + 0.5 * rng(seed + 1000).normal(size=250)
        found = turning_point(x, y, rng(seed), resamples=200)
        covered += found.low <= 0.1 <= found.high
    assert covered >= 33


def test_clusters_widen_the_interval_and_their_levels_can_be_taken_out():
    generator = rng(5)
    clusters = np.repeat(np.arange(40), 25)
    level = generator.normal(size=40)
    # Better clusters lie to the right: across them quality rises, within them it is a roof at 0.
    x = 0.5 * level[clusters] + generator.normal(size=1000)
    y = 4 * level[clusters] + roof(x, 0) + 0.3 * generator.normal(size=1000)

    across = turning_point(x, y, rng(), clusters=clusters, resamples=300)
    within = turning_point(x, y, rng(), clusters=clusters, within=True, resamples=300)
    alone = turning_point(x, y, rng(), resamples=300)

    assert within.place == pytest.approx(0, abs=0.05)
    assert within.lines.left == pytest.approx(1, abs=0.15)
    assert within.lines.right == pytest.approx(-2, abs=0.15)
    assert abs(across.lines.right + 2) > 0.5
    spread = (np.std(one.fits.right) for one in (across, alone))
    assert next(spread) > 1.3 * next(spread)


def test_the_same_seed_gives_the_same_interval():
    x, y = rng(1).normal(size=100), rng(2).normal(size=100)
    one, other = (turning_point(x, y, rng(7), resamples=50) for _ in "ab")
    assert (one.low, one.high) == (other.low, other.high)


def test_points_of_two_places_are_refused():
    with pytest.raises(ValueError, match="three places"):
        turning_point(np.array([0.0, 1, 0, 1]), np.ones(4), rng())


def test_bins_hold_as_many_points():
    x, y = np.arange(100.0), np.arange(100.0) ** 2
    bins = equal_count_bins(x[::-1], y[::-1], 20)
    assert bins.x == pytest.approx(2 + 5 * np.arange(20))
    assert bins.y[0] == pytest.approx(np.mean([0, 1, 4, 9, 16]))
    assert bins.error[0] == pytest.approx(np.std([0, 1, 4, 9, 16], ddof=1) / np.sqrt(5))
    assert len(equal_count_bins(x[:3], y[:3], 20).x) == 3
