import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.typicality.units import from_nats, like, radius_in_nats, to_nats, whole

EITHER = [(unit, per) for unit in ("nats", "bits") for per in ("total", "dim")]


def test_a_bit_is_the_logarithm_of_two_nats_and_each_dimension_counts():
    assert to_nats(1.0, unit="nats", per="total", n=None) == 1.0
    assert to_nats(1.0, unit="bits", per="total", n=None) == pytest.approx(math.log(2))
    assert to_nats(0.5, unit="nats", per="dim", n=100) == 50.0
    assert to_nats(0.1, unit="bits", per="dim", n=256) == pytest.approx(25.6 * math.log(2))


@pytest.mark.parametrize(("unit", "per"), EITHER)
@given(eps=st.floats(0, 1e9), n=st.integers(1, 10**6))
def test_there_and_back_is_where_it_was(unit, per, eps, n):
    there = to_nats(eps, unit=unit, per=per, n=n)

    assert from_nats(there, unit=unit, per=per, n=n) == pytest.approx(eps, rel=1e-14)


def test_arrays_and_tensors_keep_their_kind():
    assert isinstance(to_nats(np.ones(3), unit="bits", per="total", n=None), np.ndarray)
    assert isinstance(to_nats(torch.ones(3), unit="bits", per="total", n=None), torch.Tensor)
    assert like(np.float64(2), torch.tensor(1.0)).dtype == torch.float64
    assert isinstance(like(np.float64(2), 1.0), float)


def test_what_is_no_unit_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="there is no unit 'bit': did you mean 'bits'"):
        to_nats(1.0, unit="bit", per="total", n=None)
    with pytest.raises(ConfigError, match="per must be 'total' or 'dim', got 'symbol'"):
        to_nats(1.0, unit="bits", per="symbol", n=None)
    with pytest.raises(ConfigError, match="needs n"):
        to_nats(1.0, unit="bits", per="dim", n=None)


@pytest.mark.parametrize("eps", [-1e-9, float("nan"), torch.tensor(-1.0), np.array([1.0, -1.0])])
def test_a_negative_radius_is_refused(eps):
    with pytest.raises(ConfigError, match="eps must be zero or positive"):
        radius_in_nats(eps, unit="nats", per="total", n=None)


@pytest.mark.parametrize("value", [0, -3, 2.5, float("nan"), float("inf"), "three", True])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(ConfigError, match="K must be a whole number of at least 1"):
        whole("K", value)
    assert whole("K", torch.tensor(3.0)) == 3
