import pickle

import numpy as np
import pytest
import torch
from scipy.stats import binom, chi2
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from typica.core.errors import ConfigError, ShapeError
from typica.typicality import BatchTypicalityTest
from typica.typicality.detectors.base import StatisticError

K = 100
ENTROPY = K / 2 * np.log(2 * np.pi * np.e)
# Exact thresholds at alpha = 0.01 and powers, for N(0, I) in 100 dimensions: the fact sheet's.
EPSILON = {1: 18.42287, 2: 12.94832, 10: 5.76559, 25: 3.64424}
POWER = {
    0.9: {1: 0.05035, 2: 0.19953, 10: 0.97812, 25: 0.9999995},
    1.1: {1: 0.17489, 2: 0.33266, 10: 0.96268, 25: 0.99998},
}


def log_probs(shape, scale=1.0, seed=0):
    """Log-likelihoods under N(0, I) of points of N(0, scale^2 I), of K dimensions."""
    square = scale**2 * np.random.default_rng(seed).chisquare(K, shape)
    return -K / 2 * np.log(2 * np.pi) - square / 2


def rejection(size, epsilon, scale=1.0):
    """P(|S / M - K| > 2 epsilon), S of scale^2 chi^2 with M K degrees of freedom."""
    low, high = (size * (K + side * 2 * epsilon) / scale**2 for side in (-1, 1))
    return chi2.cdf(low, size * K) + chi2.sf(high, size * K)


@pytest.fixture(scope="module")
def gaussian():
    """The test with so many draws that its threshold is nearly exact."""
    validation = log_probs(2_000_000, seed=1)
    return BatchTypicalityTest(resamples=200_000).fit(ENTROPY, validation)


@pytest.mark.parametrize("size", EPSILON)
def test_the_sheets_thresholds_and_powers_are_exact(size):
    assert rejection(size, EPSILON[size]) == pytest.approx(0.01, abs=2e-7)
    for scale, power in POWER.items():
        assert rejection(size, EPSILON[size], scale) == pytest.approx(power[size], abs=6e-6)


@pytest.mark.parametrize("size", EPSILON)
def test_the_threshold_is_the_exact_quantile(gaussian, size):
    # The standard error of a 0.99 quantile of 200000 draws, by the density there.
    step = 1e-3
    slope = (rejection(size, EPSILON[size] - step) - rejection(size, EPSILON[size] + step)) / 2e-3
    error = np.sqrt(0.01 * 0.99 / 200_000) / slope

    assert gaussian.threshold(size) == pytest.approx(EPSILON[size], abs=4 * error)


@pytest.mark.parametrize("size", EPSILON)
def test_the_size_is_alpha(gaussian, size):
    low, high = binom.interval(0.999, 10_000, 0.01)

    rejected = gaussian.test_many(log_probs((10_000, size), seed=2)).reject.sum()

    assert low <= rejected <= high


@pytest.mark.parametrize("size", EPSILON)
@pytest.mark.parametrize("scale", POWER)
def test_the_power_is_the_exact_one(gaussian, scale, size):
    power = POWER[scale][size]

    results = gaussian.test_many(log_probs((20_000, size), scale, seed=3))

    error = np.sqrt(power * (1 - power) / 20_000) + 1e-4
    # The threshold's own error moves the power by less than 0.001.
    assert results.reject.mean() == pytest.approx(power, abs=4 * error + 0.001)


def test_the_default_test_has_its_size_up_to_the_error_of_its_threshold():
    sizes = []
    for seed in range(60):
        test = BatchTypicalityTest(random_state=seed).fit(ENTROPY, log_probs(20_000, seed=seed))
        sizes.append(rejection(10, test.threshold(10)))

    assert np.mean(sizes) == pytest.approx(0.01, abs=4 * np.std(sizes) / np.sqrt(60))
    assert np.std(sizes) == pytest.approx(np.sqrt(0.01 * 0.99 / 1000), rel=0.4)


def test_ten_examples_of_ten_dimensions_are_one_of_a_hundred(gaussian):
    square = np.random.default_rng(5).chisquare(10, 400_000)
    small = BatchTypicalityTest(resamples=100_000).fit(5.0, -square / 2)

    # The mean of ten surprisals in ten dimensions is a tenth of one's in a hundred.
    assert 10 * small.threshold(10) == pytest.approx(gaussian.threshold(1), rel=0.02)


def test_what_has_the_mean_surprisal_is_never_rejected(gaussian):
    on_the_sphere = np.full(100, -ENTROPY)

    result = gaussian.test(on_the_sphere)

    assert result.statistic == pytest.approx(0, abs=1e-9)
    assert not result.reject
    assert result.p_value == 1


def test_both_sides_are_rejected(gaussian):
    too_likely, too_unlikely = np.full((2, 5), -ENTROPY) + [[20], [-20]]

    assert gaussian.test(too_likely).reject
    assert gaussian.test(too_unlikely).reject


def test_training_examples_stand_for_the_entropy():
    train, validation = log_probs(1000), log_probs(500, seed=1)

    test = BatchTypicalityTest().fit(train, validation)
    given = BatchTypicalityTest().fit(torch.tensor(-train.mean()), torch.from_numpy(validation))

    assert test.entropy_ == -train.mean()
    assert given.test(train[:7]) == test.test(torch.from_numpy(train[:7]))


def test_p_value_and_threshold_are_those_of_the_definition():
    validation = log_probs(300)
    test = BatchTypicalityTest(alpha=0.05, resamples=199).fit(ENTROPY, validation)
    batches = log_probs((50, 4), 1.1, seed=1)

    results = test.test_many(batches)

    null, _ = test._null(4)
    statistic = np.abs(-batches.mean(axis=1) - ENTROPY)
    assert len(null) == 199
    assert results.threshold == sorted(null)[189]  # of 199: ceil(198 * 0.95) = 189 lie below
    assert results.p_value == pytest.approx([(1 + sum(null >= one)) / 200 for one in statistic])
    assert np.array_equal(results.reject, statistic > results.threshold)


def test_a_deviation_equal_to_the_threshold_is_not_rejected():
    test = BatchTypicalityTest().fit(0.0, [-2.0, -2.0, 2.0])

    result = test.test([-2.0])

    assert result.statistic == result.threshold == 2
    assert (result.reject, result.p_value) == (False, 1)


def test_many_batches_are_tested_as_each_by_itself():
    test = BatchTypicalityTest().fit(ENTROPY, log_probs(500))
    batches = log_probs((40, 6), 1.2, seed=1)

    many = test.test_many(batches)

    for number, batch in enumerate(batches):
        one = test.test(batch)
        assert one == (
            many.statistic[number],
            many.threshold,
            many.p_value[number],
            many.reject[number],
        )


def test_the_order_of_batches_changes_nothing():
    first, second = (BatchTypicalityTest().fit(ENTROPY, log_probs(500)) for _ in "ab")
    small, large = log_probs(3, 1.1), log_probs(30, 1.1)

    forth = [first.test(small), first.test(large), first.test(small)]
    back = [second.test(large), second.test(small)]

    assert forth == [back[1], back[0], back[1]]
    other = BatchTypicalityTest(random_state=1).fit(ENTROPY, log_probs(500))
    assert other.test(small).threshold != forth[0].threshold


def test_a_test_is_cloned_and_pickled():
    test = BatchTypicalityTest(alpha=0.05, resamples=100).fit(ENTROPY, log_probs(500))
    batch = log_probs(5, 1.1)

    assert pickle.loads(pickle.dumps(test)).test(batch) == test.test(batch)
    assert clone(test).fit(ENTROPY, log_probs(500)).test(batch) == test.test(batch)
    assert test.get_params() == {"alpha": 0.05, "resamples": 100, "random_state": 0}


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_an_infinite_log_likelihood_rejects_its_batch(infinity):
    test = BatchTypicalityTest().fit(ENTROPY, log_probs(500))

    result = test.test([-ENTROPY, infinity, -ENTROPY])

    assert result == (np.inf, test.threshold(3), 1 / 1001, True)


def test_faulty_log_likelihoods_are_refused_by_their_place():
    good, faulty = log_probs(10), log_probs(10)
    faulty[4] = np.nan
    endless = np.where(np.arange(10) == 6, -np.inf, good)
    test = BatchTypicalityTest()

    with pytest.raises(StatisticError, match="log-likelihood 4 of training examples is NaN"):
        test.fit(faulty, good)
    with pytest.raises(StatisticError, match="log-likelihood 6 of validation examples is infin"):
        test.fit(good, endless)
    with pytest.raises(StatisticError, match="log-likelihood 0, 4 of the batch is NaN"):
        test.fit(good, good).test(faulty)


def test_faulty_shapes_and_settings_are_refused():
    good = log_probs(10)

    with pytest.raises(ShapeError, match="of at least one"):
        BatchTypicalityTest().fit(good, [])
    with pytest.raises(ShapeError, match=r"\(examples,\)"):
        BatchTypicalityTest().fit(good, good).test(good[None])
    with pytest.raises(ShapeError, match=r"\(batches, examples\)"):
        BatchTypicalityTest().fit(good, good).test_many(good)
    with pytest.raises(ConfigError, match="alpha"):
        BatchTypicalityTest(alpha=1).fit(good, good)
    with pytest.raises(ConfigError, match="resamples"):
        BatchTypicalityTest(resamples=0).fit(good, good)
    with pytest.raises(NotFittedError):
        BatchTypicalityTest().test(good)
