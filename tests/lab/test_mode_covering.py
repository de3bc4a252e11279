import pytest

from typica.lab import mode_covering
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def numbers():
    return {number.name: number for number in mode_covering.study(Bench()).numbers}


@pytest.mark.slow
def test_numbers_are_those_of_moments_and_of_the_switch(numbers):
    switch = numbers["distance at which reverse KL begins to seek"].value

    assert switch == pytest.approx(2.80, abs=0.005)
    for name in ("forward KL, mean", "forward KL, scale"):
        assert numbers[name].value == pytest.approx(numbers[name].exact, abs=1e-4)


@pytest.mark.slow
def test_the_best_values_are_those_of_the_table(numbers):
    assert numbers["reverse KL(q || p), least value"].value == pytest.approx(0.35640, abs=1e-4)
    assert numbers["Jensen-Shannon, least value"].value == pytest.approx(0.11717, abs=1e-4)
    assert numbers["squared MMD, b^2 = 25, least value"].value == pytest.approx(0.00116, abs=1e-4)


def test_reverse_kl_begins_to_seek_at_2_80():
    # On either side of it, another solution is the best.
    assert mode_covering._seeking_excess(2.795) > 0 > mode_covering._seeking_excess(2.805)


@pytest.mark.parametrize(
    ("distance", "mode", "centre"),
    [(2.6, 0.6749, 0.5446), (2.8, 0.6843, 0.6842), (4.0, 0.6931, 1.8712)],
)
def test_two_solutions_are_as_good_as_the_table_says(distance, mode, centre):
    assert mode_covering._symmetric(distance, (distance, 1.0)).value == pytest.approx(
        mode, abs=1e-3
    )
    assert mode_covering._symmetric(distance, (0.0, 2.0)).value == pytest.approx(centre, abs=1e-3)


def test_modes_too_near_to_be_told_apart_are_covered():
    assert mode_covering._symmetric(2.4, (2.4, 1.0)).mean == pytest.approx(0, abs=1e-3)
