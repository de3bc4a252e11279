import numpy as np
import pytest

from typica.lab.smooth_maximum import FINENESS, basis, smooth_maxima, smooth_maximum
from typica.lab.turning_point import turning_point

LOPSIDED = [(-1.6, 0.6), (-0.9, 1.4), (-0.6, 1.6), (-0.5, 2), (-3, 1)]


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_spline_is_cubic_between_knots_and_smooth_at_them():
    x = np.linspace(-3, 3, 601)
    columns = basis(x, 0.0, 1.0, np.array([-1.0, 0.2]))
    third = np.diff(columns, 3, axis=0)
    for low, high in ((-3, -1), (-1, 0.2), (0.2, 3)):
        between = (x[:-3] >= low) & (x[3:] <= high)
        assert np.ptp(third[between], axis=0).max() < 1e-9
    assert np.abs(np.diff(columns, 2, axis=0)[1:] - np.diff(columns, 2, axis=0)[:-1]).max() < 1e-4
    assert np.linalg.matrix_rank(columns) == 6


@pytest.mark.parametrize("ends", LOPSIDED)
@pytest.mark.parametrize("noise", [0, 0.5])
def test_a_parabola_is_highest_at_its_top_whatever_range_was_seen(ends, noise):
    x = rng(0).uniform(*ends, 2000)
    y = -(x**2) + noise * rng(1).normal(size=2000)

    found = smooth_maximum(x, y, rng(2), resamples=200)

    assert found.shape == "peak"
    assert found.verdict == "at 0"
    assert found.place == pytest.approx(0, abs=0.1)


def test_where_two_lines_meet_on_a_hill_hangs_on_the_range():
    places = []
    for ends in LOPSIDED[:3]:
        x = rng(0).uniform(*ends, 2000)
        places.append(turning_point(x, -(x**2), rng(2), resamples=20).place)
    assert max(places) - min(places) > 0.5


@pytest.mark.parametrize(("top", "verdict"), [(-0.7, "below 0"), (0.0, "at 0"), (0.6, "above 0")])
def test_the_top_of_a_hill_is_found(top, verdict):
    x = rng(1).normal(size=1500)
    y = -((x - top) ** 2) + 0.4 * rng(2).normal(size=1500)
    found = smooth_maximum(x, y, rng(3), resamples=300)
    assert found.place == pytest.approx(top, abs=0.2)
    assert found.low < top < found.high
    assert found.verdict == verdict
    knots = np.unique(np.quantile(x, [0.2, 0.4, 0.6, 0.8], method="nearest"))
    slow = np.linalg.lstsq(basis(x, x.mean(), x.std(), knots), y, rcond=None)[0]
    fitted = basis(found.places, x.mean(), x.std(), knots) @ slow
    assert found.curve == pytest.approx(fitted, abs=1e-6)
    assert len(found.places) == FINENESS


@pytest.mark.parametrize(
    ("curve", "shape"),
    [
        (lambda x: -x, "falls"),
        (lambda x: x, "rises"),
        (lambda x: -np.maximum(x + 0.3, 0), "plateau"),
    ],
)
def test_what_has_no_top_is_told_by_its_shape(curve, shape):
    x = rng(1).uniform(-2, 2, size=3000)
    found = smooth_maximum(x, curve(x) + 0.05 * rng(2).normal(size=3000), rng(3), resamples=200)
    assert found.shape == found.verdict == shape


def test_a_curve_that_levels_off_is_no_peak_where_the_spline_swings():
    for noise in (0.05, 0.3, 1.0):
        x = rng(1).uniform(-2, 2, size=3000)
        y = np.tanh(3 * (x + 1)) + noise * rng(2).normal(size=3000)
        assert smooth_maximum(x, y, rng(3), resamples=60).shape != "peak"


def test_what_is_too_noisy_is_undetermined_and_never_a_peak():
    shapes = []
    for seed in range(12):
        x, noise = rng(seed).normal(size=(2, 200))
        shapes.append(smooth_maximum(x, 5 * noise, rng(seed), resamples=100).shape)
    assert shapes.count("undetermined") >= 9
    assert shapes.count("peak") <= 1


def test_the_interval_covers_the_top_as_often_as_it_says():
    covered = 0
    for seed in range(40):
        x = rng(seed).normal(size=300)
        y = -((x - 0.1) ** 2) + rng(seed + 1000).normal(size=300)
        found = smooth_maximum(x, y, rng(seed), resamples=100)
        covered += found.low <= 0.1 <= found.high
    assert covered >= 34


def test_levels_of_clusters_can_be_taken_out():
    generator = rng(5)
    clusters = np.tile(np.arange(40), 25)
    level = generator.normal(size=40)
    x = 0.5 * level[clusters] + generator.normal(size=1000)
    y = 6 * level[clusters] - (x - 0.2) ** 2 + 0.3 * generator.normal(size=1000)
    within = smooth_maximum(x, y, rng(), clusters=clusters, within=True, resamples=100)
    across = smooth_maximum(x, y, rng(), clusters=clusters, resamples=100)
    assert within.place == pytest.approx(0.2, abs=0.15)
    assert across.place > 0.6


def test_doubt_about_the_entropy_widens_the_interval():
    x = rng(1).normal(size=1500)
    y = -((x - 0.2) ** 2) + 0.3 * rng(2).normal(size=1500)
    own = rng(4).normal(size=1000)

    def redraw(generator):
        shift = 0.3 * generator.normal()
        return x + shift, own + shift

    (known,) = smooth_maxima(x, y[:, None], rng(3), own=own, resamples=200)
    (unsure,) = smooth_maxima(x, y[:, None], rng(3), own=own, redraw=redraw, resamples=200)
    assert known.verdict == "above 0"
    assert unsure.high - unsure.low > 2 * (known.high - known.low)
    assert unsure.verdict == "at 0"
    assert known.share == pytest.approx((own < known.place).mean())
    assert known.share_low <= known.share <= known.share_high


def test_the_same_seed_gives_the_same_interval():
    x, y = rng(1).normal(size=100), rng(2).normal(size=100)
    one, other = (smooth_maximum(x, y, rng(7), resamples=30) for _ in "ab")
    assert (one.low, one.high) == (other.low, other.high)
