import numpy as np
import pytest

from typica.evaluation.bits import Bits, advantage


def bits(prices, samples, recordings, name="model"):
    result = Bits(name, "8-bit levels")
    for triple in zip(recordings, samples, prices, strict=True):
        result.add(*triple)
    return result


def test_the_mean_weighs_every_sample_alike():
    result = bits([100.0, 30.0], samples=[10, 10], recordings=["a", "b"])
    longer = bits([100.0, 30.0], samples=[10, 30], recordings=["a", "b"])

    assert result.mean.value == 6.5
    assert longer.mean.value == 3.25
    assert longer.by_recording() == {"a": 10.0, "b": 1.0}


def test_the_standard_error_is_that_of_a_mean_over_recordings():
    values = np.random.default_rng(0).normal(5, 1, 40)

    error = bits(values * 100, [100] * 40, [str(n) for n in range(40)]).mean.error

    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(40))


def test_stretches_of_one_recording_are_one_unit():
    thrice = bits([50, 50, 50, 20, 20, 20], [10] * 6, list("aaabbb")).mean
    once = bits([150, 60], [30] * 2, list("ab")).mean

    assert thrice == once


def test_a_single_recording_is_judged_by_its_stretches_and_a_single_stretch_not_at_all():
    assert bits([50, 30], [10, 10], ["a", "a"]).mean.error == pytest.approx(1.0)
    assert bits([50], [10], ["a"]).mean.error is None


def test_an_advantage_on_the_same_recordings_is_surer_than_either_mean():
    hardness = np.random.default_rng(1).normal(5, 1, 20)
    model = bits(hardness * 100, [100] * 20, [str(n) for n in range(20)])
    baseline = bits(hardness * 100 + 50, [100] * 20, [str(n) for n in range(20)])

    saved = advantage(model, baseline)

    assert saved.value == pytest.approx(0.5)
    assert saved.error == pytest.approx(0, abs=1e-9)
    assert model.mean.error > 0.1
