"""How often a martingale that is watched all the time passes its limit."""

import numpy as np
import pytest

from typica.typicality.monitor import normal_law

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


def test_the_skewed_level_is_right_for_the_surprisals_of_gaussians():
    rng = np.random.default_rng(0)
    samples, level = 100, 3.0
    sums = (rng.chisquare(samples, 2_000_000) - samples) / np.sqrt(2 * samples)

    said = normal_law.NORMAL.cdf(-level)
    assert np.mean(sums > level) > 2.5 * said  # the normal law by itself is wrong by this much
    assert np.mean(sums > normal_law.skewed(level, samples)) == pytest.approx(said, rel=0.35)
    assert np.mean(sums < -level) < said
