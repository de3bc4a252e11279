"""Minimum Bayes risk: the laws that hold whatever the model."""

from collections import Counter

import numpy as np
import pytest
import torch
from enumerable import enumerate_sequences, random_model
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.decoding.risk.minimum_bayes_risk import (
    coarse_to_fine,
    minimum_bayes_risk,
    with_pruning,
)
from typica.decoding.utilities.agreement import ExactMatch, HammingSimilarity
from typica.decoding.utilities.edit import EditSimilarity
from typica.decoding.utilities.ngrams import NgramF1
from typica.decoding.utilities.text import SentenceBleu
from typica.decoding.utilities.utility import Utility

texts = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=20)


class Constant(Utility):
    """Of no use at all, and counting what it is asked."""

    symmetric = False

    def pairs(self, items, candidates, references):
        return np.full(len(candidates), 0.1)


class Recall(Utility):
    """The share of the reference's symbols that the candidate has: not symmetric."""

    symmetric = False

    def pairs(self, items, candidates, references):
        kept = [
            len(set(items[left]) & set(items[right])) / max(1, len(set(items[right])))
            for left, right in zip(candidates, references, strict=True)
        ]
        return np.array(kept)


def plainly(candidates, samples, utility):
    """Return expected utilities the slow way: one pair after another, duplicates and all."""
    return [
        sum(utility(candidate, sample) for sample in samples) / len(samples)
        for candidate in candidates
    ]


@given(texts)
def test_with_the_indicator_it_is_the_mode_of_the_samples(samples):
    decision = minimum_bayes_risk(None, samples, ExactMatch())
    counts = Counter(samples)
    first = next(text for text in samples if counts[text] == max(counts.values()))
    assert decision.best == first
    assert decision.index == samples.index(first)


@pytest.mark.parametrize("seed", range(20))
def test_with_hamming_similarity_it_is_the_likeliest_symbol_at_each_place(seed):
    everything = enumerate_sequences(random_model(seed, levels=3, depth=4), 4)
    probs = everything.log_prob.exp()

    decision = minimum_bayes_risk(
        None, list(everything.symbols), HammingSimilarity(), probabilities=probs
    )

    marginals = torch.stack([(probs[:, None] * (everything.symbols == s)).sum(0) for s in range(3)])
    assert torch.equal(decision.best, marginals.argmax(0))
    assert decision.expected_utility.max() == pytest.approx(float(marginals.amax(0).mean()))
    assert not decision.undecided
    assert not decision.standard_error.any()


def test_with_hamming_similarity_it_need_not_be_the_mode_nor_a_sample():
    samples = ["baaaa", "abaaa", "aabaa", "aaaba", "aaaab", "bbbbb"]
    told = {"probabilities": [0.16] * 5 + [0.2]}
    assert minimum_bayes_risk(None, samples, ExactMatch(), **told).best == "bbbbb"
    decision = minimum_bayes_risk([*samples, "aaaaa"], samples, HammingSimilarity(), **told)
    assert decision.best == "aaaaa"
    assert decision.expected_utility[-1] == pytest.approx(0.8 * 4 / 5)


@settings(max_examples=50, deadline=None)
@given(texts, texts, st.integers(0, 19))
@pytest.mark.parametrize("utility", [NgramF1(1), EditSimilarity(), Recall()])
def test_expected_utilities_are_the_plain_means_and_a_duplicate_changes_nothing(
    utility, candidates, samples, place
):
    decision = minimum_bayes_risk(candidates, samples, utility)
    expected = plainly(candidates, samples, utility)
    again = minimum_bayes_risk([*candidates, candidates[place % len(candidates)]], samples, utility)

    for text, value in zip(decision.candidates, decision.expected_utility, strict=True):
        assert value == pytest.approx(expected[candidates.index(text)], abs=1e-12)
    assert max(expected) == pytest.approx(expected[decision.index], abs=1e-12)
    assert (again.best, again.index, again.rivals) == (
        decision.best,
        decision.index,
        decision.rivals,
    )
    assert np.array_equal(again.expected_utility, decision.expected_utility)


def test_a_constant_utility_leaves_the_first_and_is_undecided():
    samples = [str(number) for number in range(37)]
    decision = minimum_bayes_risk(None, samples, Constant())
    assert decision.best == "0"
    assert decision.rivals == tuple(range(1, 37))


def test_a_symmetric_utility_is_asked_half_as_often():
    samples = ["a", "b", "a", "ab", "ba", "b"]
    assert minimum_bayes_risk(None, samples, NgramF1()).evaluated == 4 * 5 / 2
    assert minimum_bayes_risk(None, samples, Recall()).evaluated == 4 * 4
    # Candidates of their own: N by S.
    assert minimum_bayes_risk(["x", "y", "x"], samples, NgramF1()).evaluated == 2 * 4
    assert minimum_bayes_risk(["x", "a", "x"], samples, NgramF1()).evaluated == 2 * 4


def test_an_asymmetric_utility_is_told_which_is_the_reference():
    decision = minimum_bayes_risk(["abc", "a"], ["abc"], Recall())
    assert decision.expected_utility.tolist() == [1, 1 / 3]


def test_standard_errors_are_those_of_means():
    samples = ["a"] * 6 + ["b"] * 3 + ["c"]
    decision = minimum_bayes_risk(None, samples, ExactMatch())
    values = np.array([[text == sample for sample in samples] for text in "abc"], dtype=float)
    errors = values.std(1, ddof=1) / np.sqrt(10)
    np.testing.assert_allclose(decision.standard_error, errors, rtol=1e-12)
    # a leads b by .3, of which the standard error is .3; c is .5 away, of which it is .224.
    assert decision.rivals == (1,)
    assert decision.undecided
    assert not minimum_bayes_risk(None, samples * 10, ExactMatch()).undecided


def test_the_standard_error_covers_what_enumeration_gives():
    model = random_model(3, levels=3, depth=3)
    everything = enumerate_sequences(model, 3)
    candidates = [tuple(row) for row in everything.symbols[:5].tolist()]
    exact = minimum_bayes_risk(
        candidates,
        [tuple(row) for row in everything.symbols.tolist()],
        EditSimilarity(),
        probabilities=everything.log_prob.exp(),
    ).expected_utility
    engine, generator = StepEngine(model), seeded(0)

    misses = []
    for _ in range(200):
        drawn = engine.draw(engine.start(50), 3, generator=generator).symbols
        samples = [tuple(row) for row in drawn.tolist()]
        decision = minimum_bayes_risk(candidates, samples, EditSimilarity())
        misses.append((decision.expected_utility - exact) / decision.standard_error)

    share = (np.abs(misses) < 1.96).mean(0)
    assert np.all((share > 0.88) & (share < 0.99))


def test_one_sample_decides_nothing():
    decision = minimum_bayes_risk(["a", "b"], ["a"], ExactMatch())
    assert decision.best == "a"
    assert np.isinf(decision.standard_error).all()
    assert decision.undecided


def test_importance_weights_count_like_copies():
    weighted = minimum_bayes_risk(None, ["a", "b"], NgramF1(), weights=[2, 6])
    copied = minimum_bayes_risk(None, ["a", "b", "b", "b"], NgramF1())
    assert weighted.best == copied.best == "b"
    np.testing.assert_allclose(weighted.expected_utility, copied.expected_utility)


def test_coarse_to_fine_asks_the_dear_utility_about_few():
    samples = ["a b c", "a b d", "a c b", "x y z", "a b c d", "x x x"]
    plain = minimum_bayes_risk(None, samples, SentenceBleu())
    both = coarse_to_fine(None, samples, NgramF1(), SentenceBleu(), keep=3)
    assert both.best == plain.best
    assert both.index == plain.index
    assert len(both.candidates) == 3
    assert both.evaluated == 6 * 7 / 2 + 3 * 6
    backwards = [*samples[::-1], *samples]
    again = coarse_to_fine(backwards, samples, NgramF1(), SentenceBleu(), keep=3)
    assert backwards[again.index] == again.best == plain.best
    assert again.index > 3  # those that came first were left behind
    everything = coarse_to_fine(None, samples, NgramF1(), SentenceBleu(), keep=6)
    np.testing.assert_array_equal(everything.expected_utility, plain.expected_utility)


@pytest.mark.parametrize("seed", range(5))
def test_pruning_finds_the_same_for_less(seed):
    model = random_model(seed, levels=4, depth=5, sharpness=2.0)
    engine = StepEngine(model)
    drawn = engine.draw(engine.start(1).pick([0] * 1000), 5, generator=seeded(seed)).symbols
    samples = [tuple(row) for row in drawn.tolist()]

    plain = minimum_bayes_risk(None, samples, EditSimilarity())
    pruned = with_pruning(None, samples, EditSimilarity())

    assert pruned.best == plain.best
    assert pruned.index == plain.index
    assert pruned.evaluated < 0.8 * plain.evaluated
    place = plain.candidates.index(plain.best)
    assert pruned.expected_utility.max() == pytest.approx(plain.expected_utility[place], abs=1e-12)


def test_pruning_leaves_few_samples_alone():
    samples = ["a", "b", "b", "ab"]
    pruned = with_pruning(None, samples, EditSimilarity())
    plain = minimum_bayes_risk(None, samples, EditSimilarity())
    assert pruned.candidates == plain.candidates
    assert pruned.evaluated == plain.evaluated
    # Of two samples that are the same all others are behind for certain.
    assert with_pruning(["x", "b"], ["b", "b", "x"], ExactMatch(), first=2).candidates == ("b",)


def test_what_cannot_be_decided_is_refused():
    with pytest.raises(ConfigError, match="got 0 and 1"):
        minimum_bayes_risk([], ["a"], ExactMatch())
    with pytest.raises(ConfigError, match="got 0 and 0"):
        minimum_bayes_risk(None, [], ExactMatch())
    with pytest.raises(ConfigError, match="add up to 1, got 0.9"):
        minimum_bayes_risk(None, ["a", "b"], ExactMatch(), probabilities=[0.5, 0.4])
    with pytest.raises(ConfigError, match="one weight a sample, 2 of them"):
        minimum_bayes_risk(None, ["a", "b"], ExactMatch(), weights=[1])
    with pytest.raises(ConfigError, match="at least 0"):
        minimum_bayes_risk(None, ["a", "b"], ExactMatch(), weights=[1, -1])
    with pytest.raises(ConfigError, match="not both"):
        minimum_bayes_risk(None, ["a"], ExactMatch(), weights=[1], probabilities=[1])
    with pytest.raises(ConfigError, match="keep=0"):
        coarse_to_fine(None, ["a"], ExactMatch(), ExactMatch(), keep=0)
    with pytest.raises(ConfigError, match="at least 2 samples first"):
        with_pruning(None, ["a"], ExactMatch(), first=1)
    with pytest.raises(ConfigError, match="got 1 and 0"):
        with_pruning(["a"], [], ExactMatch())
