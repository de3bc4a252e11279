import math

import numpy as np
import pytest

from typica.lab import representation
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def study():
    return representation.study(Bench())


def test_the_coin_splits_as_it_is_computed_by_counts():
    bits = [term / math.log(2) for term in representation._coin()]

    assert bits == pytest.approx([12.98044999, 2.82598834, 10.15446165], abs=1e-8)
    assert bits[2] == pytest.approx(representation._order_bits(), abs=1e-9)


def test_masses_of_codes_weigh_one_at_every_number_of_dropped_bits():
    every = np.arange(256)
    for dropped in (0, 1, 4, 8):
        firsts = every[:: 1 << dropped]
        bits = [
            representation._bits(np.array([value]), np.array([100.3]), np.array([7.0]), dropped)
            for value in firsts
        ]
        assert math.fsum(2**-b for b in bits) == pytest.approx(1)


@pytest.mark.slow
def test_all_bits_dropped_cost_nothing_and_fewer_cost_less(study):
    for table in study.tables[:4]:
        code = [row[1] for row in table.rows]
        assert code[-1] == pytest.approx(0, abs=1e-9)
        assert code == sorted(code, reverse=True)


@pytest.mark.slow
def test_the_last_bit_is_measured_whatever_is_claimed_of_it(study):
    gains = {number.name: number.value for number in study.numbers[3:]}

    assert gains["gain on the last bit, china.jpg, bands fitted to bands"] == pytest.approx(
        0.143, abs=2e-3
    )
    assert gains["gain on the last bit, flower.jpg, bands fitted to bands"] == pytest.approx(
        0.132, abs=2e-3
    )
    assert gains["gain on the last bit, flower.jpg, fitted to china.jpg"] < 0
