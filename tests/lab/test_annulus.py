import math

import pytest

from typica.lab import annulus
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return annulus.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


@pytest.mark.parametrize(
    ("shell", "mass"),
    [
        ("9 < r < 11", 0.842820173),
        ("8 < r < 12", 0.995436580),
        ("r < 8", 0.001934169),
        ("r > 12", 0.002629251),
        ("r < 9", 0.082033226),
        ("r > 11", 0.075146601),
    ],
)
def test_shells_hold_what_the_law_says_and_about_what_was_counted(numbers, shell, mass):
    number = numbers[f"P({shell})"]

    assert number.exact == pytest.approx(mass, abs=5e-10)
    assert abs(number.value - number.exact) < 4 * number.error


def test_the_variance_of_the_radius_is_a_half_and_not_k(numbers):
    variance = numbers["variance of the radius"]

    assert variance.exact == pytest.approx(0.498743790, abs=5e-10)
    assert abs(variance.value - variance.exact) < 4 * variance.error
    mean = numbers["mean radius"]
    assert abs(mean.value - mean.exact) < 4 * mean.error


def test_the_shell_stays_as_thick_in_a_million_dimensions(found):
    last = found.tables[0].rows[-1]

    assert last[0] == 10**6
    assert float(last[2]) == pytest.approx(0.5, abs=1e-6)
    assert float(last[4]) == pytest.approx(math.erf(1), abs=1e-6)
