from fractions import Fraction

import numpy as np
import pytest

from typica.lab.ngrams import NGrams, nats_per_symbol


def by_hand(sequences, order, symbols):
    """Return p(w | h) by the formula itself, in fractions."""

    def probability(history, symbol):
        size = len(history)
        lower = probability(history[1:], symbol) if size else Fraction(1, symbols)
        followers = []
        for sequence in sequences:
            padded = [symbols] * size + list(sequence)
            places = range(size, len(padded))
            followers += [padded[t] for t in places if tuple(padded[t - size : t]) == history]
        if not followers:
            return lower
        kinds = len(set(followers))
        return (followers.count(symbol) + kinds * lower) / (len(followers) + kinds)

    def price(sequence):
        padded = (symbols,) * (order - 1) + tuple(sequence)
        return [
            probability(padded[t : t + order - 1], padded[t + order - 1])
            for t in range(len(sequence))
        ]

    return price


@pytest.mark.parametrize("order", [1, 2, 3])
def test_prices_are_those_of_the_formula(order):
    rng = np.random.default_rng(order)
    sequences = [rng.integers(0, 3, size) for size in (7, 1, 12)]
    unseen = rng.integers(0, 4, 15)

    model = NGrams(sequences, order, 4)

    expected = [float(one) for one in by_hand(sequences, order, 4)(unseen)]
    assert np.exp(model.log_prob(unseen)) == pytest.approx(expected)


def test_what_may_come_next_has_a_sum_of_one():
    rng = np.random.default_rng(0)
    model = NGrams([rng.integers(0, 5, 200)], 4, 6)
    past = rng.integers(0, 6, 9)
    total = sum(np.exp(model.log_prob(np.r_[past, symbol])[-1]) for symbol in range(6))
    assert total == pytest.approx(1)


def test_more_past_helps_where_there_is_some():
    rng = np.random.default_rng(1)
    steps = rng.choice([1, 1, 1, 2], 4000)
    sequence = np.cumsum(steps) % 7
    train, test = [sequence[:3000]], [sequence[3000:]]
    unigram, bigram = (nats_per_symbol(NGrams(train, order, 7), test) for order in (1, 2))
    assert bigram == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), abs=0.05)
    assert unigram == pytest.approx(np.log(7), abs=0.02)


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot be told apart"):
        NGrams([np.zeros(3, int)], 12, 150)
