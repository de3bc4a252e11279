import math

import numpy as np
import pytest
import torch

from typica.core.errors import ConfigError
from typica.typicality import sphere_log_area


def test_the_area_of_the_unit_sphere_is_right_from_one_dimension_to_a_million(oracles):
    rows = oracles["unit_sphere_area"]["rows"]

    assert {1, 2, 343, 344, 1000, 10**6} <= {row["K"] for row in rows}
    for row in rows:
        assert sphere_log_area(row["K"]) == pytest.approx(row["log_area"], rel=1e-10)


def test_two_points_a_circle_and_a_sphere_have_the_areas_of_school():
    areas = np.exp(sphere_log_area(np.array([1, 2, 3])))

    assert areas == pytest.approx([2, 2 * math.pi, 4 * math.pi], rel=1e-14)


def test_the_volume_of_the_ball_is_area_over_dimensions():
    # A ball's volume from the mass of a Gaussian: pi^(K/2) / Gamma(K/2 + 1).
    for K in range(1, 30):
        volume = math.exp(sphere_log_area(K)) / K
        assert volume == pytest.approx(math.pi ** (K / 2) / math.gamma(K / 2 + 1))


def test_the_largest_area_is_in_seven_dimensions_of_the_space(oracles):
    areas = sphere_log_area(np.arange(1, 100))
    peak = oracles["unit_sphere_area"]["continuous_maximum"]

    assert 1 + int(areas.argmax()) == 7
    assert sphere_log_area(7) == pytest.approx(math.log(16 * math.pi**3 / 15))
    assert peak == pytest.approx(7.2569464)
    assert sphere_log_area(peak) > max(sphere_log_area(peak - 1e-3), sphere_log_area(peak + 1e-3))


def test_a_tensor_in_is_a_tensor_out_and_a_number_a_number():
    assert isinstance(sphere_log_area(3), float)
    torch.testing.assert_close(sphere_log_area(torch.tensor(1.0)), torch.tensor(2.0).double().log())


@pytest.mark.parametrize("K", [0, -1, float("nan")])
def test_there_is_no_sphere_in_no_dimensions(K):
    with pytest.raises(ConfigError, match="at least one dimension"):
        sphere_log_area(K)
