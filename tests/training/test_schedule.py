import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.training.schedule import learning_rate, share_done
from typica.training.settings import PhaseConfig, TrainingConfig

SHAPES = ["constant", "linear", "cosine"]


def test_half_of_the_steps_is_half_of_the_training():
    assert share_done(TrainingConfig(steps=200), 100, 1e9) == 0.5


def test_the_tighter_limit_decides():
    config = TrainingConfig(steps=100, minutes=2)

    assert share_done(config, 10, 90) == 0.75
    assert share_done(config, 80, 60) == 0.8
    assert share_done(config, 1, 500) == 1


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_the_rate_goes_from_its_first_value_to_its_final_one(shape):
    config = PhaseConfig(learning_rate=0.1, final_learning_rate=0.02, schedule=shape)

    assert learning_rate(config, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(config, 50, 0.5) == pytest.approx(0.06)
    assert learning_rate(config, 99, 1.0) == pytest.approx(0.02)


def test_a_constant_rate_never_decays():
    assert learning_rate(PhaseConfig(learning_rate=0.1, schedule="constant"), 9, 1.0) == 0.1


def test_the_rate_rises_step_by_step_during_the_warm_up():
    config = PhaseConfig(learning_rate=1.0, schedule="constant", warmup=4)

    assert [learning_rate(config, step, 0) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


@given(st.sampled_from(SHAPES), st.floats(0, 1), st.floats(0, 1), st.floats(1e-6, 1))
def test_the_rate_never_rises_after_the_warm_up(shape, one, other, rate):
    config = PhaseConfig(learning_rate=rate, schedule=shape)
    early, late = sorted([one, other])

    assert learning_rate(config, 9, early) >= learning_rate(config, 9, late) - 1e-12
