import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from typica.core.errors import ConfigError
from typica.typicality.detectors.density_of_states import DensityOfStates, DensityOfStatesSVM

KINDS = [DensityOfStates, DensityOfStatesSVM]


def statistics(count, seed=0):
    """Cross-entropy, entropy and their difference: linearly dependent, as those of a VAE are."""
    rng = np.random.default_rng(seed)
    entropy, divergence = rng.normal(20, 1, count), rng.gamma(9, 1, count)
    return np.stack([entropy + divergence, entropy, divergence], axis=1)


@pytest.mark.parametrize("density", KINDS)
def test_dependent_statistics_are_no_trouble(density):
    detector = density().fit(statistics(2000))

    scores = detector.score_samples(statistics(500, seed=1))

    assert np.isfinite(scores).all()
    assert np.mean(detector.predict(statistics(20_000, seed=2)) == -1) == pytest.approx(
        0.01, abs=0.012
    )


@pytest.mark.parametrize("density", KINDS)
def test_unit_origin_and_sign_of_statistics_do_not_matter(density):
    rows, factors, shifts = statistics(800), [1e3, -0.01, 7], [0, 5, -1e3]

    plain = density().fit(rows).score_samples(rows)
    other = density().fit(rows * factors + shifts).score_samples(rows * factors + shifts)

    assert other == pytest.approx(plain, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("density", KINDS)
def test_a_constant_statistic_is_no_trouble(density):
    rows = np.column_stack([statistics(500), np.full(500, 0.1)])
    detector = density().fit(rows)
    longer = rows.copy()
    longer[:, 3] += 5

    assert np.isfinite(detector.score_samples(rows)).all()
    assert (detector.predict(longer) == -1).mean() > 0.9


@pytest.mark.parametrize("density", KINDS)
def test_rounding_is_taken_for_a_constant(density):
    noise = np.random.default_rng(0).uniform(-1, 1, 500)
    rows = np.column_stack([statistics(500), 1e4 + 1e-9 * noise])
    detector = density().fit(rows)
    other = rows.copy()
    other[:, 3] += 1e-6

    assert detector.score_samples(other) == pytest.approx(detector.score_samples(rows), abs=1e-3)


@pytest.mark.parametrize("density", KINDS)
def test_both_sides_of_every_statistic_are_odd(density):
    rows = statistics(3000)
    detector = density().fit(rows)
    centre, step = rows.mean(axis=0), 8 * rows.std(axis=0)

    odd = np.concatenate([centre + np.diag(step), centre - np.diag(step)])

    assert (detector.predict(odd) == -1).all()
    assert detector.predict(centre[None]) == 1


def test_the_machine_sees_a_dependence_that_single_densities_do_not():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 1)) + 0.1 * rng.normal(size=(4000, 2))
    odd = rng.permuted(rows[2000:], axis=0)  # the same values, paired at random
    labels = np.repeat([0, 1], 2000)
    pairs = np.concatenate([rows[2000:], odd])

    found = {
        kind: roc_auc_score(labels, -kind().fit(rows[:2000]).score_samples(pairs)) for kind in KINDS
    }

    assert found[DensityOfStates] < 0.6
    assert found[DensityOfStatesSVM] > 0.85


def test_the_lowest_log_density_tells_which_statistic_is_odd():
    detector = DensityOfStates().fit(statistics(1000))
    rows = statistics(3, seed=1)
    rows[0, 1] += 50
    rows[2, 0] = np.inf

    found = detector.log_densities(rows)

    assert found.shape == rows.shape
    assert found[0].argmin() == 1
    assert found[2, 0] == -np.inf
    assert found[:2].sum(axis=1) == pytest.approx(detector.score_samples(rows[:2]))


def test_the_machine_fits_a_part_that_its_seed_draws():
    rows, fresh = statistics(3000), statistics(50, seed=1)

    def scores(**settings):
        return DensityOfStatesSVM(**settings).fit(rows).score_samples(fresh)

    assert np.array_equal(scores(limit=300), scores(limit=300, random_state=0))
    assert not np.array_equal(scores(limit=300), scores(limit=300, random_state=1))
    assert np.array_equal(scores(limit=3000), scores(limit=9000, random_state=1))
    machine = DensityOfStatesSVM(limit=300).fit(rows).machine_
    assert machine.shape_fit_[0] == 300


def test_scores_are_the_machines_decisions_however_many_blocks(monkeypatch):
    detector = DensityOfStatesSVM().fit(statistics(500))
    rows = 3 * statistics(200, seed=1)
    monkeypatch.setattr("typica.typicality.detectors.density_of_states.KERNELS_AT_ONCE", 1000)

    scores = detector.score_samples(rows)

    theirs = detector.machine_.decision_function(detector._whiten(rows))
    assert scores == pytest.approx(theirs, rel=1e-9)


def test_a_bandwidth_is_positive():
    with pytest.raises(ConfigError, match="bandwidth must be above 0, got 0"):
        DensityOfStates(bandwidth=0).fit(statistics(10))
