import itertools
import math
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.typicality.fibres import entropy_chain, log_orders, split_log_prob

BIT = math.log(2)
TOSSES = np.array(list(itertools.product([0, 1], repeat=16)))
LOG_PROB = TOSSES.sum(1) * math.log(3) - 16 * math.log(4)  # heads three times in four


def test_the_coin_splits_into_its_count_and_the_order():
    chain = entropy_chain(LOG_PROB, TOSSES.sum(1))

    assert chain.original / BIT == pytest.approx(16 * 0.811278124459133, abs=1e-9)
    assert chain.code / BIT == pytest.approx(2.825988344294600, abs=1e-9)
    assert chain.rest / BIT == pytest.approx(10.15446164705153, abs=1e-9)
    assert chain.original == pytest.approx(chain.code + chain.rest, abs=1e-9)


def test_a_count_is_likelier_than_its_sequence_by_the_size_of_the_group():
    heads = TOSSES.sum(1)
    split = split_log_prob(LOG_PROB, heads)

    sizes = np.array([comb(16, int(count)) for count in heads])
    np.testing.assert_allclose(split.rest, -np.log(sizes), atol=1e-12)
    np.testing.assert_allclose(split.rest, -log_orders(np.stack([heads, 16 - heads], 1)), atol=1e-9)


def test_the_mode_is_no_typical_sequence_but_twelve_heads_are_the_likeliest_count():
    split = split_log_prob(LOG_PROB, TOSSES.sum(1))

    assert TOSSES[LOG_PROB.argmax()].sum() == 16
    assert TOSSES[split.code.argmax()].sum() == 12


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=30), st.data())
def test_entropies_and_deviations_add_up_under_any_map(weights, data):
    log_prob = np.log(np.array(weights) / sum(weights))
    codes = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(weights), max_size=100)))
    codes = codes[: len(weights)]

    split, chain = split_log_prob(log_prob, codes), entropy_chain(log_prob, codes)

    masses = {code: np.exp(value) for code, value in zip(codes, split.code, strict=True)}
    assert sum(masses.values()) == pytest.approx(1)
    assert chain.original == pytest.approx(chain.code + chain.rest)
    assert chain.code <= chain.original + 1e-12
    deviation = -log_prob - chain.original
    parts = (-split.code - chain.code) + (-split.rest - chain.rest)
    np.testing.assert_allclose(deviation, parts, atol=1e-12)


def test_what_cannot_happen_costs_nothing():
    chain = entropy_chain([math.log(0.5), math.log(0.5), -math.inf], [0, 1, 1])

    assert chain == pytest.approx((BIT, BIT, 0))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_orders_are_as_many_as_there_are(symbols):
    counts = np.bincount(symbols, minlength=4)

    assert math.exp(log_orders(counts)) == pytest.approx(len(set(itertools.permutations(symbols))))


def test_what_is_no_distribution_and_no_count_is_refused():
    with pytest.raises(DataError, match="sum to one"):
        split_log_prob([-1.0, -1.0], [0, 1])
    with pytest.raises(DataError, match="3 codes for 2 outcomes"):
        split_log_prob([-1.0, -1.0], [0, 1, 1])
    with pytest.raises(DataError, match="whole numbers"):
        log_orders([1.5, 2])
