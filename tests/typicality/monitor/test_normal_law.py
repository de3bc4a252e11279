"""How often a martingale that is watched all the time passes its limit."""

import numpy as np
import pytest

from typica.typicality.monitor import normal_law
from typica.typicality.monitor.statistics import martingale

STEP_S = 0.125


@pytest.mark.parametrize("ticks", [2, 8, 32])
def test_sums_of_white_noise_pass_no_more_often_than_said(ticks):
    rate, hours = 20.0, 20
    level = normal_law.limit(rate, ticks * STEP_S, STEP_S)
    steps = np.random.default_rng(0).standard_normal(round(hours * 3600 / STEP_S))
    sums = np.convolve(steps, np.ones(ticks), "valid") / np.sqrt(ticks)

    beyond = np.flatnonzero(np.abs(sums) > level)
    clumps = 1 + int((np.diff(beyond) > ticks).sum())

    # The bound holds within 3 standard deviations, and does not waste more than two thirds.
    expected = rate * hours
    assert expected / 3 < clumps < expected + 3 * np.sqrt(expected)


def test_rarer_alarms_need_higher_levels():
    levels = [normal_law.limit(rate, 4.0, STEP_S) for rate in (100, 1, 0.01)]

    assert levels == sorted(levels)
    assert normal_law.passed(levels[1], 4.0, STEP_S) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("likelihood", [2e-5, 1e-3, 0.05])
def test_rare_surprises_are_no_drift(likelihood):
    # A model that is sure but for one symbol in so many: each comes as a shock.
    samples, windows, level = 8000, 400_000, 4.0
    shock, calm = -np.log(likelihood), -np.log1p(-likelihood)
    entropy = likelihood * shock + (1 - likelihood) * calm
    variance = samples * likelihood * (1 - likelihood) * (shock - calm) ** 2
    counts = np.random.default_rng(0).binomial(samples, likelihood, windows)

    excess = counts * (shock - calm) + samples * (calm - entropy)
    odd = np.array([martingale(one, variance) > level for one in np.unique(excess)])
    found = np.isin(excess, np.unique(excess)[odd]).mean()
    by_the_normal_law = np.mean(excess / np.sqrt(max(variance, 25)) > level)

    assert found <= normal_law.NORMAL.cdf(-level) + 3 / windows
    assert by_the_normal_law >= found


def test_the_surprisals_of_gaussians_are_no_drift():
    rng = np.random.default_rng(0)
    samples, level = 100, 3.0
    excess = (rng.chisquare(samples, 200_000) - samples) / 2
    z = np.array([martingale(one, samples / 2) for one in excess[:50_000]])

    said = normal_law.NORMAL.cdf(-level)
    assert np.mean(excess / np.sqrt(samples / 2) > level) > 2.5 * said
    assert np.mean(z > level) < said
    assert np.mean(z < -level) < said
