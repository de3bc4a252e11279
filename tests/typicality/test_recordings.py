import numpy as np
import pytest
from scipy.stats import kstest

from typica.core.errors import DataError
from typica.typicality.recordings import LONGEST, RecordingDetector

NAMES = ["surprise", "expected", "martingale", "complexity"]
RNG = np.random.default_rng(0)


def recordings(count, windows, *, drift=0.0, rng=RNG):
    """Return recordings of independent windows, each with an own mean if they drift."""
    return [rng.normal(size=(windows, 4)) + drift * rng.normal(size=(1, 4)) for _ in range(count)]


@pytest.fixture(scope="module")
def detector():
    return RecordingDetector(NAMES).fit(recordings(200, 20, drift=0.3))


@pytest.mark.parametrize("windows", [1, 5, 20])
def test_p_values_of_recordings_like_the_reference_are_uniform(detector, windows):
    rng = np.random.default_rng(windows)

    found = [detector.judge(rows).p_value for rows in recordings(300, windows, drift=0.3, rng=rng)]

    assert kstest(found, "uniform").pvalue > 0.003
    assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.1, abs=0.06)


@pytest.mark.parametrize(
    ("change", "judge"),
    [
        (lambda rows: rows + [1.4, 0, 0, 0], "likelihood"),
        (lambda rows: rows - [1.4, 0, 0, 0], "likelihood"),
        (lambda rows: rows + [0, 0, -1.8, 0], "martingale"),
        (lambda rows: rows + [0, 0, 0, 1.4], "complexity"),
        (lambda rows: rows * [1, 3, 1, 1], "density of states"),
        (
            lambda rows: rows + 9 * (np.arange(80).reshape(20, 4) == 29),
            "oddest tenth",
        ),
    ],
)
def test_each_judge_sees_what_it_is_for(detector, change, judge):
    (rows,) = recordings(1, 20)

    found = detector.judge(change(rows))

    assert found.p_values[judge] < 0.02
    assert found.p_value < 0.05


def test_windows_tell_where_it_is_odd(detector):
    (rows,) = recordings(1, 20)
    rows[7] = [9, 9, 9, 9]

    found = detector.judge(rows)

    assert found.windows["density of states"].argmin() == 7
    assert found.windows["density of states"][7] == 1 / (1 + 200 * 20)


def test_a_lower_complexity_is_not_odd(detector):
    (rows,) = recordings(1, 20)
    found = detector.judge(rows * [0, 0, 0, 0] + [0, 0, 0, -3])
    assert found.p_values["complexity"] > 0.9


def test_no_p_value_is_below_what_the_reference_can_tell(detector):
    found = detector.judge(np.full((20, 4), 50.0))

    assert found.p_value == found.smallest
    assert found.smallest == pytest.approx(1 / 201)  # stretches of all 20 windows: one a recording


def test_recordings_longer_than_all_stretches_are_judged_by_them(detector):
    usual, odd = recordings(2, 4 * LONGEST)

    assert detector.judge(usual).p_value > 0.05
    assert detector.judge(odd + 3).p_value == detector.judge(odd + 3).smallest
    assert detector.judge(odd).windows["likelihood"].shape == (4 * LONGEST,)


def test_one_long_recording_is_reference_enough():
    detector = RecordingDetector(NAMES).fit(recordings(1, 400))

    found = [detector.judge(rows).p_value for rows in recordings(200, 3)]

    # Stretches overlap and are few: four standard errors of 200 of 0.1, and a little.
    assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.1, abs=0.09)


@pytest.mark.parametrize(("windows", "judged"), [(4, 14), (3, 20), (20, 90)])
def test_recordings_longer_than_those_of_the_reference_are_not_called_odd_more_often(
    windows, judged
):
    rng = np.random.default_rng(0)
    detector = RecordingDetector(NAMES).fit(recordings(100, windows, rng=rng))

    found = [detector.judge(rows) for rows in recordings(200, judged, rng=rng)]

    for judge in detector.judges:
        assert np.mean([one.p_values[judge] <= 0.1 for one in found]) < 0.18
    assert np.mean([one.p_value <= 0.1 for one in found]) < 0.18
    (odd,) = recordings(1, judged, rng=rng)
    assert detector.judge(odd + 2).p_value <= 0.02


def test_reference_recordings_too_short_for_a_stretch_are_left_out():
    rows = recordings(60, 8) + recordings(40, 2)
    detector = RecordingDetector(NAMES).fit(rows)

    assert detector.longest == 8
    assert detector.smallest(8) == 1 / 61
    assert detector.smallest(100) == 1 / 61
    assert detector.smallest(1) == 1 / (1 + 60 * 8 + 40 * 2)


def test_a_model_that_says_less_has_fewer_judges():
    rows = [one[:, :1] for one in recordings(30, 5)]

    detector = RecordingDetector(["surprise"]).fit(rows)

    assert detector.judges == ["likelihood", "density of states", "oddest tenth"]
    assert detector.judge(rows[0] + 9).p_value == detector.judge(rows[0] + 9).smallest


def test_too_small_a_reference_is_refused():
    with pytest.raises(DataError, match="holds 12 windows, at least 20 are needed"):
        RecordingDetector(NAMES).fit(recordings(3, 4))
    with pytest.raises(DataError, match="without windows"):
        RecordingDetector(NAMES).fit(recordings(30, 4)).judge(np.empty((0, 4)))
