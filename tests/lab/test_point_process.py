import pytest

from typica.lab import point_process
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def study():
    return point_process.study(Bench())


def test_numbers_are_what_they_are_known_to_be(study):
    total, coin, drawn, kept = study.numbers

    assert total.value == pytest.approx(1, abs=1e-8)
    assert coin.value == pytest.approx(coin.exact, abs=1e-9)
    assert kept.value == pytest.approx(kept.exact, abs=4 * kept.error)
    assert drawn.value == pytest.approx(drawn.exact, abs=4 * drawn.error)


def test_more_orders_come_nearer_from_below(study):
    below = [row[3] for row in study.tables[0].rows]

    assert below == sorted(below, reverse=True)
    assert below[0] > 10
