import pytest

from typica.lab import coin
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return coin.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


def test_of_all_printed_probabilities_one_is_wrong(numbers, found):
    assert numbers["printed sequence probabilities that are wrong"].value == 1
    assert numbers["printed count probabilities that are wrong"].value == 0
    fifteen = numbers["a given sequence with 15 heads"]
    assert fifteen.value == pytest.approx(3**15 / 4**16, rel=1e-13)
    assert fifteen.published == "3.33e-03"
    assert "with 15 heads" in found.finding


def test_the_likeliest_sequence_and_the_likeliest_count_are_those_of_the_article(numbers):
    assert numbers["all heads"].value == pytest.approx(0.0100226, abs=5e-8)
    assert numbers["twelve heads"].value == pytest.approx(0.2251991, abs=5e-8)
    assert numbers["entropy of a sequence"].value == pytest.approx(12.98044999134613)
    assert numbers["entropy of the number of heads"].value == pytest.approx(2.8259883442946)


def test_the_table_lays_each_printed_number_beside_the_exact_one(found):
    (table,) = found.tables

    assert len(table.rows) == 17
    assert sum(row[1] for row in table.rows) == 2**16
    for heads, row in enumerate(table.rows):
        assert (f"{float(row[2]):.2e}" == row[3]) == (heads != 15)
        assert f"{float(row[4]):.2e}" == row[5]
