import math

import pytest

from typica.lab import mass_and_width
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return mass_and_width.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


def test_an_annulus_of_width_four_holds_most_of_the_mass(numbers):
    assert numbers["mass of the annulus of width 4"].value == pytest.approx(0.993450, abs=5e-7)
    assert numbers["eps of that width"].value == pytest.approx(28.27, abs=5e-3)
    assert numbers["eps of 95 % of the mass"].value == pytest.approx(19.88728, abs=5e-6)


def test_the_set_becomes_a_ball_at_half_a_nat_a_dimension(numbers):
    ball = numbers["eps from which the set is a ball"]

    assert ball.value == pytest.approx(ball.exact)
    assert ball.value == pytest.approx(72.1348, abs=5e-5)
    assert numbers["width at which it becomes one"].value == pytest.approx(math.sqrt(200))
    assert numbers["points of the figure whose set contains the mode"].value == 10
    assert numbers["largest width of the figure"].value == pytest.approx(15.4476, abs=5e-5)


def test_the_tables_are_those_of_the_fact_sheet(found):
    radii, growth = found.tables

    assert radii.rows[3] == ["20", "8.5014", "11.3016", "2.8002", "0.9512591"]
    assert [row[2] for row in growth.rows[:4]] == ["2.04968", "0.60590", "0.19887", "0.06319"]
