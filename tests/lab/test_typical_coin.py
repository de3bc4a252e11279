import math

import pytest

from typica.lab import typical_coin
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def found():
    return typical_coin.study(Bench())


@pytest.fixture(scope="module")
def numbers(found):
    return {number.name: number for number in found.numbers}


def test_a_total_epsilon_has_no_equipartition_and_one_per_toss_has(numbers):
    assert numbers["mass, 16 tosses, 4 bits in all"].value == pytest.approx(0.857, abs=5e-4)
    assert numbers["mass, 4096 tosses, 4 bits in all"].value == pytest.approx(0.0719, abs=5e-5)
    thousand = numbers["mass, 1024 tosses, 0.1 bit a toss"].value
    assert thousand == pytest.approx(0.9999965, abs=5e-8)


def test_the_typical_set_is_next_to_nothing_of_all_sequences(numbers):
    share = numbers["log2 of the share of all sequences that these are"].value

    assert share == pytest.approx(-110.8, abs=0.05)


def test_the_gaussian_does_the_same(numbers):
    assert numbers["mass, Gaussian, K = 100, 20 bits in all"].value == pytest.approx(
        0.951, abs=5e-4
    )
    assert numbers["mass, Gaussian, K = 10000, 20 bits in all"].value == pytest.approx(
        0.155, abs=5e-4
    )


def test_the_table_is_that_of_the_fact_sheet(found):
    rows = {(row[0], row[1]): row[2:] for row in found.tables[0].rows}

    assert rows[256, "4 bits"] == ["0.2816649", "207.26", "-48.74"]
    assert rows[256, "0.1 bit a toss"] == ["0.9829676", "226.02", "-29.98"]


def test_the_share_falls_by_less_than_the_entropy_rate_and_epsilon_leave(found):
    rate = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))

    assert f"2^({rate + 0.1 - 1 - 0.0145:.2f}" in found.finding
