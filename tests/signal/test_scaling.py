import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.signal.scaling import (
    exp_magnitudes,
    log_magnitudes,
    magnitudes_of_unit_decibels,
    shifted_exp,
    shifted_log,
    unit_decibels,
)

audible = st.floats(2**-13, 9.875, width=32)


@given(audible)
def test_what_is_above_the_floor_comes_back(magnitude):
    magnitudes = torch.tensor([magnitude])

    logs, decibels = exp_magnitudes(log_magnitudes(magnitudes)), unit_decibels(magnitudes)

    assert logs.item() == pytest.approx(magnitude, rel=1e-5)
    assert 0 <= decibels.item() <= 1
    assert magnitudes_of_unit_decibels(decibels).item() == pytest.approx(magnitude, rel=1e-3)


@given(st.floats(0, 1e4))
def test_a_shifted_logarithm_gives_all_magnitudes_back(magnitude):
    magnitudes = torch.tensor([magnitude], dtype=torch.float64)

    found = shifted_exp(shifted_log(magnitudes, shift=1e-3), shift=1e-3)

    assert found.item() == pytest.approx(magnitude, rel=1e-9, abs=1e-15)


def test_shifted_logarithms_are_those_of_gansynth():
    assert shifted_log(torch.tensor([0.0, 1.0])).tolist() == pytest.approx(
        [-13.8155, 1e-6], abs=1e-4
    )
    assert shifted_exp(torch.tensor([-20.0])).item() == 0


def test_the_ends_are_cut_off():
    ends = torch.tensor([0.0, 1e-4, 10.0, 100.0])

    assert unit_decibels(ends).tolist() == pytest.approx([0, 0, 1, 1], abs=1e-5)
    assert log_magnitudes(torch.zeros(1)).item() == pytest.approx(-11.5129, abs=1e-3)


def test_floors_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="above 0"):
        log_magnitudes(torch.ones(1), smallest=0)
    with pytest.raises(ConfigError, match="below 0 dB"):
        unit_decibels(torch.ones(1), lowest_db=0)
