import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from typica.core.errors import ConfigError, ShapeError, TypicaError
from typica.typicality.detectors.base import StatisticError
from typica.typicality.detectors.density_of_states import DensityOfStates
from typica.typicality.detectors.threshold import LikelihoodThreshold

# Checks of scikit-learn that a detector fails by its own meaning, and why.
FAILS = {
    "check_estimators_nan_inf": "a model may give an example no probability: minus infinity is "
    "a log-likelihood, and its example an outlier; it is refused in the reference only"
}
FAILS_OF_REGRET = dict.fromkeys(
    ("check_outliers_train", "check_outliers_fit_predict"),
    "their data are negative whatever the tags say, and a regret is not",
)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_finds_its_conventions(kind, monkeypatch):
    # The checks' data have several columns, and a detector of one statistic refuses them: all
    # but the refusal is checked.
    monkeypatch.setattr(kind, "_most", None)

    fails = FAILS | (FAILS_OF_REGRET if kind.__name__ == "LikelihoodRegret" else {})
    check_estimator(kind(), on_skip=None, expected_failed_checks=fails)


def test_scores_above_the_offset_are_normal(kind, draw):
    detector = kind().fit(draw(kind, 500))
    rows = draw(kind, 2000, seed=1)

    scores, decisions = detector.score_samples(rows), detector.decision_function(rows)

    assert np.array_equal(decisions, scores - detector.offset_)
    assert np.array_equal(detector.predict(rows), np.where(scores < detector.offset_, -1, 1))
    assert {-1, 1} == set(detector.predict(rows))


def test_a_p_value_is_a_rank_among_the_reference(conformal, draw):
    reference, rows = draw(conformal, 200), draw(conformal, 50, seed=1)

    detector = conformal().fit(reference).calibrate(reference)

    scores, own = detector.score_samples(rows), detector.score_samples(reference)
    expected = [(1 + sum(own <= score)) / 201 for score in scores]
    assert detector.p_values(rows) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=300), st.integers(1, 60))
def test_outliers_are_those_whose_p_value_is_at_most_alpha(reference, percent):
    alpha = percent / 100
    detector = LikelihoodThreshold(alpha=alpha).fit(np.array(reference, float))
    values = np.arange(-1.0, 32)

    outliers = detector.predict(values) == -1

    small = alpha * (len(reference) + 1) < 1
    at_most = 1 / (len(reference) + 1) if small else alpha
    assert np.array_equal(outliers, detector.p_values(values) <= at_most + 1e-12)
    assert detector.level_ <= at_most + 1e-12


@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_the_size_is_alpha_once_calibrated_on_other_examples(conformal, draw, alpha):
    detector = conformal(alpha=alpha).fit(draw(conformal, 3000))
    detector.calibrate(draw(conformal, 30_000, seed=1))

    outliers = int((detector.predict(draw(conformal, 30_000, seed=2)) == -1).sum())

    # The offset is itself drawn: a calibration of the same size doubles the variance.
    spread = np.sqrt(2 * 30_000 * alpha * (1 - alpha))
    assert abs(outliers - 30_000 * alpha) < 3.3 * spread


def test_conformal_p_values_of_a_small_reference_are_uniform_on_their_steps(draw):
    found = np.zeros(20)
    for seed in range(400):
        values = draw(LikelihoodThreshold, 29, seed=seed)
        p = LikelihoodThreshold().fit(values[:19]).p_values(values[19:])
        found += np.bincount(np.rint(p * 20).astype(int) - 1, minlength=20)

    # The ten p-values of one reference depend on one another: a wider band than binomial.
    assert abs(found / 4000 - 0.05).max() < 0.02


@pytest.mark.parametrize("count", [30, 100])
def test_what_learns_much_calls_about_alpha_of_new_examples_outliers(flattering, count):
    rng = np.random.default_rng(count)
    shares, flattered = [], []
    for _ in range(50):
        reference, fresh = rng.normal(size=(count, 5)), rng.normal(size=(500, 5))
        detector = flattering(alpha=0.05).fit(reference)
        shares.append((detector.predict(fresh) == -1).mean())
        flattered.append((detector.calibrate(reference).predict(fresh) == -1).mean())

    # The level is 1 / 31 of 30. One reference's share has a standard deviation of 0.05 at most,
    # the mean of 50 of 0.007: four of them.
    assert abs(np.mean(shares) - detector.level_) < 0.028
    assert np.mean(flattered) > np.mean(shares) + 0.028


def test_what_learns_much_is_cross_fitted_unless_few_or_many(flattering, draw, monkeypatch):
    monkeypatch.setattr("typica.typicality.detectors.base.MOST_FLATTERED", 50)

    def ranks_as(way, count):
        rows = draw(flattering, count)
        fitted, other = flattering().fit(rows), flattering().fit(rows)
        same = getattr(other, way)(rows).reference_scores_
        return np.array_equal(fitted.reference_scores_, same)

    assert ranks_as("cross_fit", 10)
    assert ranks_as("cross_fit", 50)
    assert ranks_as("calibrate", 9)
    assert ranks_as("calibrate", 51)


def test_what_learns_little_is_ranked_by_its_own_scores(modest, draw):
    rows = draw(modest, 50)

    fitted = modest().fit(rows)

    assert np.array_equal(fitted.reference_scores_, np.sort(fitted.score_samples(rows)))


def test_cross_fitting_leaves_whole_groups_out(draw):
    # Six examples stand by themselves, each four times: without its group each is its own
    # nearest neighbour.
    rows = np.repeat(draw(DensityOfStates, 60), 4, axis=0)
    groups = np.repeat(np.arange(60), 4)

    blind = DensityOfStates(bandwidth=0.2).cross_fit(rows)
    aware = DensityOfStates(bandwidth=0.2).cross_fit(rows, groups=groups)

    assert np.median(aware.reference_scores_) < np.median(blind.reference_scores_) - 0.5
    assert np.array_equal(aware.score_samples(rows), blind.score_samples(rows))


def test_how_many_are_scored_at_once_changes_no_score(kind, draw):
    detector = kind().fit(draw(kind, 300))
    rows = draw(kind, 100, seed=1)

    singly = np.concatenate([detector.score_samples(row[None]) for row in rows])

    assert np.array_equal(singly, detector.score_samples(rows))


def test_tensors_and_arrays_score_alike(kind, draw):
    rows = draw(kind, 100).astype(np.float32)
    tensor = torch.from_numpy(rows).requires_grad_()

    scores = kind().fit(tensor).score_samples(tensor)

    assert np.array_equal(scores, kind().fit(rows).score_samples(rows))


def test_one_statistic_may_come_flat(one_column, draw):
    rows = draw(one_column, 100)

    detector = one_column().fit(rows[:, 0])

    assert detector.n_features_in_ == 1
    assert np.array_equal(detector.predict(rows[:, 0]), one_column().fit(rows).predict(rows))
    assert len(detector.score_samples(torch.from_numpy(rows[:, 0]))) == 100


def test_a_second_statistic_is_refused_where_one_is_taken(one_column):
    with pytest.raises(ShapeError, match="takes one statistic an example, got X with 2"):
        one_column().fit(np.ones((5, 2)))


def test_a_detector_is_cloned_pickled_and_piped(kind, draw):
    rows = draw(kind, 200)
    detector = kind(alpha=0.05).fit(rows)

    copy = pickle.loads(pickle.dumps(detector))
    again = clone(detector).fit(rows)
    piped = make_pipeline(FunctionTransformer(), kind(alpha=0.05)).fit(rows)

    assert clone(detector).get_params() == detector.get_params()
    for other in (copy, again, piped):
        assert np.array_equal(other.predict(rows), detector.predict(rows))
        assert np.array_equal(other.score_samples(rows), detector.score_samples(rows))


def test_one_example_is_a_reference(kind, draw):
    rows = draw(kind, 1)

    detector = kind().fit(rows)

    assert detector.predict(rows).shape == (1,)
    assert np.isfinite(detector.score_samples(rows)).all()


def test_no_example_is_an_error(kind, draw):
    detector = kind().fit(draw(kind, 10))

    with pytest.raises(ValueError, match="0 sample"):
        kind().fit(draw(kind, 0))
    with pytest.raises(ValueError, match="0 sample"):
        detector.predict(draw(kind, 0))


def test_nan_is_refused_by_its_place(kind, draw):
    rows = draw(kind, 20)
    detector = kind().fit(rows)
    rows[7, -1] = np.nan
    message = f"statistic {rows.shape[1] - 1} of example 7 is NaN"

    with pytest.raises(StatisticError, match=message) as caught:
        kind().fit(rows)
    with pytest.raises(StatisticError, match=message):
        detector.predict(rows)

    assert isinstance(caught.value, TypicaError)


def test_what_has_no_probability_is_an_outlier(kind, draw):
    rows = draw(kind, 200)
    detector = kind().fit(rows)
    rows[3, 0] = -np.inf

    assert detector.predict(rows)[3] == -1
    assert detector.p_values(rows)[3] <= 1 / 201
    assert detector.decision_function(rows)[3] == -np.inf
    assert np.isfinite(detector.decision_function(rows)[4:]).all()


def test_a_spike_of_the_density_is_an_outlier_with_a_warning(kind, draw):
    rows = draw(kind, 200)
    detector = kind().fit(rows)
    rows[3, 0] = np.inf

    with pytest.warns(UserWarning, match="example 3 has a statistic of plus infinity"):
        assert detector.predict(rows)[3] == -1


def test_the_reference_holds_no_infinity(conformal, draw):
    rows = draw(conformal, 20)
    rows[5, 0] = -np.inf

    with pytest.raises(StatisticError, match="statistic 0 of example 5 of the reference"):
        conformal().fit(rows)


@pytest.mark.parametrize("alpha", [0, 1, -0.1])
def test_alpha_is_a_share(kind, draw, alpha):
    with pytest.raises(ConfigError, match="alpha must lie between 0 and 1"):
        kind(alpha=alpha).fit(draw(kind, 10))


def test_scores_want_a_fit(conformal, draw):
    for method in ("predict", "score_samples", "decision_function", "p_values", "calibrate"):
        with pytest.raises(NotFittedError):
            getattr(conformal(), method)(draw(conformal, 10))


def test_an_uncalibrated_fit_of_few_numbers_has_its_size_already(draw):
    """What learns at most a mean is not flattered by its reference."""
    low, high = binom.interval(0.999, 20_000, 0.01)
    found = [
        (LikelihoodThreshold().fit(draw(LikelihoodThreshold, 99, seed=seed))).predict(
            draw(LikelihoodThreshold, 100, seed=10_000 + seed)
        )
        for seed in range(200)
    ]

    outliers = (np.concatenate(found) == -1).sum()

    # One reference serves 100 examples, which share its luck: twice the binomial variance.
    half = (high - low) / 2
    assert abs(outliers - 200) < np.sqrt(2) * half
