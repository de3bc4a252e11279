"""Habits of sequences: against values by hand, and self-BLEU against the library of the field."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from typica.core.errors import ConfigError
from typica.decoding.habits import (
    Repetition,
    compression_ratio,
    distinct_ngrams,
    ends_in_repetition,
    habits,
    self_bleu,
    zipf_coefficient,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("xyzabcabcabc", Repetition(3, 3)),
        ("abcabc", None),  # twice only
        ("abcabcabcx", None),  # not at the end
        ("xaaaaa", None),  # two symbols, twice; or one, which is no phrase
        ("xaaaaaa", Repetition(2, 3)),
        ("xababababab", Repetition(2, 5)),
        ("", None),
    ],
)
def test_a_repetition_is_a_phrase_of_two_or_more_three_times_at_the_end(text, found):
    assert ends_in_repetition(text) == found
    assert ends_in_repetition(torch.tensor([ord(one) for one in text])) == found


def test_a_repetition_is_looked_for_in_the_last_symbols_only():
    phrase = list(range(70))
    assert ends_in_repetition(phrase * 3) is None
    assert ends_in_repetition(phrase * 3, window=210) == Repetition(70, 3)
    assert ends_in_repetition("aaaa", phrase=1, times=4) == Repetition(1, 4)
    with pytest.raises(ConfigError, match="times of 2"):
        ends_in_repetition("ab", times=1)


@given(st.text("ab", max_size=30))
def test_a_repetition_that_is_found_is_there(text):
    found = ends_in_repetition(text)
    ways = [
        (size, times)
        for size in range(2, 16)
        for times in range(3, 16)
        if size * times <= len(text) and text.endswith(text[len(text) - size :] * times)
    ]
    if not ways:
        assert found is None
        return
    assert found in ways
    assert math.prod(found) == max(map(math.prod, ways))


def test_distinct_n_by_hand():
    assert distinct_ngrams(["abab", "ab"], 1) == 2 / 6
    assert distinct_ngrams(["abab", "ab"], 2) == 2 / 4
    assert distinct_ngrams(["abab", "ab"], 4) == 1
    assert math.isnan(distinct_ngrams(["abab", "ab"], 5))


@pytest.mark.parametrize("exponent", [0.5, 0.93, 1.2])
def test_zipf_s_law_is_found_again(exponent):
    counts = np.round(1e5 * np.arange(1, 41) ** -exponent).astype(int)
    rows = np.repeat(np.arange(40), counts)
    assert zipf_coefficient([rows]) == pytest.approx(exponent, abs=1e-3)
    assert math.isnan(zipf_coefficient(["aaa"]))
    # The rarest symbol leaves the line alone where it is not among the ranks.
    more = np.concatenate([rows, np.full(1, 99)])
    assert zipf_coefficient([more], ranks=40) == pytest.approx(zipf_coefficient([rows]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=8), min_size=2, max_size=5))
def test_self_bleu_is_sacrebleu_s_against_all_others(texts):
    words = [" ".join(text) for text in texts]
    metric = BLEU(
        tokenize="none",
        effective_order=True,
        smooth_method="floor",
        smooth_value=0.1,
        force=True,
    )
    for at, score in enumerate(self_bleu(texts)):
        others = words[:at] + words[at + 1 :]
        assert score == pytest.approx(metric.sentence_score(words[at], others).score / 100)


def test_self_bleu_by_hand():
    assert self_bleu(["abcd", "abcd", "abcd"]) == pytest.approx([1, 1, 1])
    assert self_bleu(["abcd", "efgh"]) == [0, 0]
    # abcx: 3/4, 2/3, 1/2 and a tenth of one match in one.
    expected = (3 / 4 * 2 / 3 * 1 / 2 * 0.1) ** 0.25
    assert self_bleu(["abcx", "abcd"])[0] == pytest.approx(expected)
    with pytest.raises(ConfigError, match="at least 2"):
        self_bleu(["abcd"])


def test_what_repeats_is_compressed_more():
    noise = torch.randint(0, 256, (4000,), generator=torch.Generator().manual_seed(0))
    assert compression_ratio([noise]) == pytest.approx(1, abs=0.01)
    assert compression_ratio([noise[:50]] * 80) > 10
    assert compression_ratio(["ab" * 1000]) > 50
    # What the symbols are called is of no account.
    assert compression_ratio([noise]) == compression_ratio([noise + 1000])


def test_all_figures_in_one_row():
    told = habits(["abcdabcdabcd", "abdc", "cdba"])
    assert told.repetition == 1 / 3
    assert told.distinct[0] == 4 / 20
    assert 0 < told.self_bleu < 1
    assert told.zipf == zipf_coefficient(["abcdabcdabcd", "abdc", "cdba"])
    assert math.isnan(habits(["abc"]).self_bleu)
    with pytest.raises(ConfigError, match="no symbols"):
        habits([])
    with pytest.raises(ConfigError, match="no symbols"):
        habits(["", ""])
