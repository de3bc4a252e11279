import math

import pytest

from typica.lab import typical_radius
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return typical_radius.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


def test_the_limit_is_the_geometric_mean_of_the_half_normal(numbers):
    million = numbers["r / sqrt(K), K = 10^6"]
    geometric = numbers["geometric mean of r / sqrt(K), K = 100"]

    assert million.value == pytest.approx(million.exact, abs=1e-11)
    assert million.value == pytest.approx(0.5298395452, abs=5e-11)
    assert geometric.exact == pytest.approx(math.exp(-0.5772156649 / 2) / math.sqrt(2))
    assert abs(geometric.value - geometric.exact) < 4 * geometric.error


def test_the_half_normal_is_narrower_than_sqrt_k(numbers):
    sd = numbers["standard deviation of r / sqrt(K)"]

    assert sd.exact == pytest.approx(0.6028102750)
    assert sd.value == pytest.approx(sd.exact, rel=0.01)
    assert sd.published == 1
    assert numbers["mean of r / sqrt(K)"].exact == pytest.approx(0.79788, abs=5e-6)


def test_in_one_dimension_it_is_one(numbers):
    assert numbers["r, K = 1"].value == 1


def test_the_table_is_right_to_its_last_digit(found):
    rows = {row[0]: row[1:] for row in found.tables[0].rows}

    assert rows[2] == ["0.9743747004", "0.6889869581", "0.5092"]
    assert rows[100] == ["5.317621087", "0.5317621087", "0.4051"]
    assert rows[10**4][1] == "0.5298584113"  # 0.52985841129 by mpmath, in two ways
