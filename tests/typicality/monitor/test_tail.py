"""Limits beyond what was seen."""

import numpy as np
import pytest

from typica.typicality.monitor import tail


def recordings(rng, draw, count=12, blocks=6, block=10):
    """Recordings whose blocks hold one large value each, and else nothing."""
    found = []
    for _ in range(count):
        values = np.zeros((blocks, block))
        values[:, block // 2] = draw(rng, blocks)
        found.append(values.ravel())
    return found


def test_alarms_are_no_more_frequent_than_asked_for_nine_times_in_ten():
    rng = np.random.default_rng(0)
    hours, rate = 0.001, 0.5  # a value lasts 3.6 s, a block 36 s: a hundred blocks an hour
    kept = 0
    for _ in range(60):
        found = tail.limit(
            recordings(rng, lambda r, n: r.exponential(1.0, n)), 10, hours, rate, rng
        )
        kept += 100 * np.exp(-found.value) <= rate

    assert kept >= 47  # 54 are expected, with a deviation of 2.3


def test_the_interval_holds_the_rate_and_says_on_how_little_it_rests():
    rng = np.random.default_rng(1)
    found = tail.limit(recordings(rng, lambda r, n: r.exponential(1.0, n)), 10, 0.001, 0.5, rng)

    assert found.interval[0] <= found.rate <= found.interval[1]
    assert found.blocks == 72
    assert found.value > found.largest  # it goes beyond what was seen


def test_a_heavy_tail_is_recognised():
    rng = np.random.default_rng(2)
    pareto = tail.fit(rng.pareto(2.5, 4000), 0.01)
    exponential = tail.fit(rng.exponential(1, 4000), 0.01)
    light = tail.fit(rng.uniform(0, 1, 4000), 0.01)

    assert 0.3 < pareto.shape < 0.5
    assert exponential.shape == light.shape == 0
    assert pareto.level(0.001) > 3 * exponential.level(0.001)


def test_the_level_of_a_rate_is_passed_at_that_rate():
    for shape in (0.0, 0.3):
        one = tail.Tail(2.0, 0.5, shape, 60.0)
        assert one.passed(one.level(0.2)) == pytest.approx(0.2)


def test_too_few_blocks_say_nothing():
    rng = np.random.default_rng(3)

    assert tail.limit([np.ones(40)], 10, 0.001, 1.0, rng) is None
    assert tail.limit([np.full(1000, np.nan)], 10, 0.001, 1.0, rng) is None


def test_values_that_are_all_alike_have_a_limit_just_beyond():
    rng = np.random.default_rng(4)
    found = tail.limit([np.full(400, 3.0)], 10, 0.001, 1.0, rng)

    assert 3.0 < found.value < 3.01
    assert found.rate == 0
    assert found.interval == (0, pytest.approx(3 / 0.4))  # none was seen in 0.4 hours
