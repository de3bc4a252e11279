import itertools
import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.typicality import CategoricalTypicality, CoinTypicality

BITS = {"unit": "bits", "per": "total"}


def by_enumeration(n, probabilities, eps_bits):
    """Return mass and number of typical sequences, by going through all of them."""
    entropy = -n * sum(p * math.log2(p) for p in probabilities if p)
    mass = size = 0
    for sequence in itertools.product(range(len(probabilities)), repeat=n):
        probability = math.prod(probabilities[symbol] for symbol in sequence)
        if probability and abs(-math.log2(probability) - entropy) <= eps_bits + 1e-9:
            mass, size = mass + probability, size + 1
    return mass, size


def test_the_table_of_sixteen_tosses_is_exact(oracles):
    expected = oracles["coin_16_3_4"]

    table = CoinTypicality(16, 0.75).table()

    for number, row in enumerate(expected["rows"]):
        assert table.heads[number] == row["heads"]
        assert table.sequences[number] == row["sequences"]
        assert table.log2_sequences[number] == pytest.approx(
            math.log2(row["sequences"]), rel=1e-13, abs=1e-13
        )
        assert table.sequence_probability[number] == pytest.approx(
            row["sequence_probability"], rel=1e-12, abs=0
        )
        assert table.probability[number] == pytest.approx(
            row["count_probability"], rel=1e-12, abs=0
        )
        assert table.deviation_bits[number] == pytest.approx(row["deviation_bits"], abs=1e-12)
    count_entropy = -(table.probability * np.log2(table.probability)).sum()
    assert count_entropy == pytest.approx(expected["count_entropy_bits"], rel=1e-12)
    entropy = CoinTypicality(16, 0.75).entropy(unit="bits")
    assert entropy == pytest.approx(expected["entropy_bits"], rel=1e-14)


def test_fifteen_heads_in_a_given_order_are_not_what_the_article_prints():
    probability = CoinTypicality(16, 0.75).table().sequence_probability[15]

    assert f"{probability:.2e}" == "3.34e-03"
    assert probability == pytest.approx(3**15 / 4**16, rel=1e-13, abs=0)


def test_twelve_heads_deviate_by_nothing_and_each_head_fewer_by_log2_of_three():
    deviations = CoinTypicality(16, 0.75).table().deviation_bits

    assert deviations[12] == 0
    assert np.diff(deviations) == pytest.approx(-math.log2(3))


def test_masses_and_sizes_of_typical_sets_are_those_of_the_oracle(oracles):
    for row in oracles["coin_typical_sets"]:
        coin = CoinTypicality(row["n"], 0.75)
        eps = {"eps": row["eps_bits"], "unit": "bits", "per": row["per"]}
        assert coin.mass(**eps) == pytest.approx(row["mass"], rel=1e-11)
        assert coin.log2_size(**eps) == pytest.approx(row["log2_size"], rel=1e-12)
        assert coin.log2_share(**eps) == pytest.approx(row["log2_share"], rel=1e-10)


@pytest.mark.parametrize(
    ("n", "probabilities"),
    [
        (8, [0.75, 0.25]),
        (8, [0.5, 0.5]),
        (6, [0.2, 0.3, 0.5]),
        (6, [0.25, 0.25, 0.5]),
        (5, [0.1, 0.2, 0.3, 0.4]),
        (6, [0.0, 0.3, 0.7]),
        (4, [1.0]),
        (5, [0.25, 0.25, 0.25, 0.25]),
        (1, [0.2, 0.8]),
    ],
)
@pytest.mark.parametrize("eps", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_counting_agrees_with_going_through_all_sequences(n, probabilities, eps):
    mass, size = by_enumeration(n, probabilities, eps)

    typicality = CategoricalTypicality(n, probabilities)

    assert typicality.mass(eps, **BITS) == pytest.approx(mass, rel=1e-12, abs=0)
    log2_size = typicality.log2_size(eps, **BITS)
    assert log2_size == pytest.approx(math.log2(size) if size else -math.inf, abs=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_sequence_exactly_on_the_boundary_is_typical(steps):
    coin = CoinTypicality(16, 0.75)
    counts = coin.table().probability[max(0, 12 - steps) : 12 + steps + 1]

    mass = coin.mass(steps * math.log2(3), **BITS)

    assert mass == pytest.approx(counts.sum(), rel=1e-12)


def test_all_sequences_of_a_fair_coin_are_typical_at_every_eps():
    for n in (1, 16, 10**6):
        assert CoinTypicality(n, 0.5).mass(0.0, **BITS) == pytest.approx(1, rel=1e-12)
        assert CoinTypicality(n, 0.5).log2_size(0.0, **BITS) == pytest.approx(n)


def test_a_typical_set_may_be_empty():
    coin = CoinTypicality(1, 0.75)

    assert coin.mass(0.1, **BITS) == 0.0
    assert coin.log2_size(0.1, **BITS) == -math.inf


def test_with_a_total_eps_the_mass_falls_and_with_one_per_toss_it_rises_as_the_share_falls():
    coins = [CoinTypicality(4**power, 0.75) for power in range(3, 9)]

    total = [coin.mass(4, **BITS) for coin in coins]
    each = [coin.mass(0.1, unit="bits", per="dim") for coin in coins]
    share = [coin.log2_share(0.1, unit="bits", per="dim") for coin in coins]

    assert all(np.diff(total) < 0)
    assert all(np.diff(each[:4]) > 0)
    assert each[-1] == pytest.approx(1)
    assert all(np.diff(share) < 0)


@given(st.integers(1, 300), st.floats(0.01, 0.99), st.floats(0, 1))
@settings(max_examples=50)
def test_sizes_keep_the_bounds_of_the_equipartition_property(n, p, eps):
    coin = CoinTypicality(n, p)
    each = {"unit": "bits", "per": "dim"}
    mass, log2_size = coin.mass(eps, **each), coin.log2_size(eps, **each)
    rate = coin.entropy(unit="bits") / n
    slack = 1e-6 * n

    assert log2_size <= n * (rate + eps) + slack
    assert not mass or log2_size >= math.log2(mass) + n * (rate - eps) - slack


@given(st.integers(1, 500), st.floats(0.001, 0.999))
@settings(max_examples=50)
def test_probabilities_of_counts_sum_to_one_and_agree_with_all_being_typical(n, p):
    coin = CoinTypicality(n, p)

    assert coin.table().probability.sum() == pytest.approx(1, rel=1e-11)
    assert coin.mass(math.inf, **BITS) == pytest.approx(1, rel=1e-11)
    assert coin.log2_size(math.inf, **BITS) == pytest.approx(n, rel=1e-11)


def test_a_million_tosses_take_less_than_a_second_of_the_processor():
    started = time.process_time()

    mass = CoinTypicality(10**6, 0.75).mass(0.001, unit="bits", per="dim")

    assert time.process_time() - started < 1
    # 631 heads more or fewer of a standard deviation of 433.
    assert mass == pytest.approx(math.erf(630.5 / math.sqrt(2 * 187500)), abs=1e-3)


def test_symbols_of_equal_probability_count_as_one():
    coarse = CoinTypicality(1000, 0.3)
    fine = CategoricalTypicality(1000, [0.3 / 4] * 4 + [0.7 / 8] * 8)
    letters = CategoricalTypicality(10**6, np.full(4096, 1 / 4096))

    everything = fine.log2_size(math.inf, **BITS)

    assert everything == pytest.approx(1000 * math.log2(12))
    assert fine.entropy() == pytest.approx(
        coarse.entropy() + 1000 * (0.3 * math.log(4) + 0.7 * math.log(8))
    )
    assert letters.log2_size(0, **BITS) == pytest.approx(12e6)


def test_results_are_of_the_kind_that_was_given():
    coin = CoinTypicality(16, torch.tensor(0.75))

    assert isinstance(coin.mass(1, **BITS), float)
    assert coin.mass(torch.tensor(1.0), **BITS).dtype == torch.float64
    assert coin.log2_size(np.array([1.0, 2.0]), **BITS).shape == (2,)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ConfigError, match="combinations of counts.*smaller n"):
        CategoricalTypicality(10**6, [0.1, 0.2, 0.7])
    with pytest.raises(ConfigError, match="combinations of counts"):
        CategoricalTypicality(10**6, np.arange(1, 501) / np.arange(1, 501).sum())
    with pytest.raises(ConfigError, match="must sum to 1, these sum to 1.1"):
        CategoricalTypicality(10, [0.5, 0.6])
    with pytest.raises(ConfigError, match="list of numbers of at least 0"):
        CategoricalTypicality(10, [-0.5, 1.5])
    with pytest.raises(ConfigError, match="list of numbers"):
        CategoricalTypicality(10, [])
    with pytest.raises(ConfigError, match="p must lie strictly between 0 and 1, got 1"):
        CoinTypicality(10, 1)
    with pytest.raises(ConfigError, match="n must be a whole number"):
        CoinTypicality(0, 0.5)
