import math

import pytest

from typica.lab import mirage
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return mirage.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


@pytest.mark.parametrize(("K", "kurtosis"), [(1, 3.0), (3, 5.4), (10, 7.5), (100, 900 / 102)])
def test_the_kurtosis_of_coordinates_grows_towards_nine_and_no_further(numbers, K, kurtosis):
    number = numbers[f"kurtosis of a coordinate, K = {K}"]

    assert number.exact == pytest.approx(kurtosis)
    assert abs(number.value - kurtosis) < 4 * number.error


def test_there_is_no_equipartition(numbers):
    sd = numbers["standard deviation of -log f, K = 100"]
    entropy = numbers["H, K = 100"]

    assert sd.exact == pytest.approx(math.sqrt(0.5 + 99 + 99**2 * math.pi**2 / 8))
    assert sd.value == pytest.approx(sd.exact, rel=0.03)
    assert abs(entropy.value - entropy.exact) < 4 * entropy.error
    assert numbers["mass within 0.1 nats a dimension, K = 10^6"].value < 0.1
    assert numbers["the Gaussian's"].value == pytest.approx(1)


def test_the_mode_stays_outside(numbers):
    inner = numbers["inner radius of the typical set, K = 100, 3 nats a dimension"]

    assert inner.value == pytest.approx(0.2572, abs=5e-5)


def test_eps_of_a_given_mass_does_not_shrink_with_k(found):
    rows = {row[0]: row[1:4] for row in found.tables[0].rows}

    assert rows[10] == ["0.6405", "1.5492", "3.4198"]
    assert rows[100] == ["0.6855", "1.5618", "3.7117"]
    assert rows[10**4] == ["0.6905", "1.5620", "3.7438"]
