import math

import pytest

from typica.lab import sphere_area
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return sphere_area.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


def test_the_largest_area_is_in_seven_dimensions(numbers):
    assert numbers["dimensions of the space in which the area is largest"].value == 7
    assert numbers["largest area"].value == pytest.approx(16 * math.pi**3 / 15)
    assert numbers["dimension of the maximum, if K were real"].value == pytest.approx(
        7.2569464, abs=5e-8
    )


def test_areas_stay_finite_where_the_gamma_function_does_not(numbers):
    hundred = numbers["area, K = 100"]

    assert hundred.value == pytest.approx(hundred.exact, rel=1e-12, abs=0)
    assert numbers["log of the area, K = 1000"].value == pytest.approx(-2032.0578, abs=5e-5)
    assert numbers["log of the area, K = 10^6"].value == pytest.approx(-5488810.41, abs=5e-3)
    with pytest.raises(OverflowError):
        math.gamma(344 / 2)


def test_the_table_names_the_sphere_by_its_own_dimension(found):
    rows = found.tables[0].rows

    assert rows[6] == [7, "S^6", "33.073362"]
    assert rows[0] == [1, "S^0", "2.000000"]
