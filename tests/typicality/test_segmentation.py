import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.typicality.byte_pairs import BytePairEncoding
from typica.typicality.segmentation import Unigram, count_segmentations, log_segmentations

WORDS = [b"a", b"b", b"ab", b"ba", b"aab"]
MODEL = Unigram(dict(zip(WORDS, np.log([0.3, 0.2, 0.25, 0.15, 0.1]), strict=True)), end=0.2)


def segmentations(text):
    """Every way to cut, kept where all pieces are words: slow, and plainly right."""
    for cuts in itertools.product([False, True], repeat=len(text) - 1):
        ends = [place + 1 for place, is_cut in enumerate(cuts) if is_cut] + [len(text)]
        begins = [0, *ends[:-1]]
        pieces = [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
        if all(piece in WORDS for piece in pieces):
            yield pieces


@pytest.mark.parametrize("length", [1, 2, 10, 40])
def test_over_a_full_vocabulary_there_are_two_ways_at_each_gap(length):
    text = bytes(range(length))
    words = {text[i:j] for i in range(length) for j in range(i + 1, length + 1)}

    assert count_segmentations(text, words) == 2 ** (length - 1)


@given(st.text(alphabet="ab", min_size=1, max_size=9))
def test_segmentations_are_counted_and_weighed_as_enumeration_does(letters):
    text = letters.encode()
    every = list(segmentations(text))

    assert count_segmentations(text, WORDS) == len(every)
    assert log_segmentations(text, WORDS) == pytest.approx(math.log(len(every)))
    weight = math.fsum(math.exp(MODEL.log_prob_segmented(pieces)) for pieces in every)
    assert MODEL.log_prob(text) == pytest.approx(math.log(weight), abs=1e-12)


def test_texts_of_all_lengths_weigh_one():
    totals = [
        math.fsum(math.exp(MODEL.log_prob(bytes(t))) for t in itertools.product(b"ab", repeat=n))
        for n in range(11)
    ]

    # Another door: the chance that words of one, two or three letters add up to n, then an end.
    lengths = {1: 0.5, 2: 0.4, 3: 0.1}
    reach = [1.0]
    for n in range(1, 11):
        reach.append(sum(0.8 * p * reach[n - k] for k, p in lengths.items() if k <= n))
    np.testing.assert_allclose(totals, 0.2 * np.array(reach), rtol=1e-12)


def test_the_canonical_words_alone_are_a_lower_bound():
    texts = [b"the cat sat on the mat", b"that hat is the cat's"]
    encoding = BytePairEncoding.train(texts, 12)
    canonical = [[encoding.words[word] for word in encoding.encode(text)] for text in texts]
    model = Unigram.fit(canonical, encoding.words)

    for text, words in zip(texts, canonical, strict=True):
        assert model.log_prob_segmented(words) < model.log_prob(text)
    single_bytes = Unigram.fit([[b"t", b"h"]], BytePairEncoding().words)
    assert single_bytes.log_prob_segmented([b"t", b"h"]) == pytest.approx(
        single_bytes.log_prob(b"th")
    )


def test_a_fitted_model_counts_words_and_ends_each_half_a_time_more():
    model = Unigram.fit([[b"a", b"a", b"b"], [b"a"]], [b"a", b"b"])

    # Two ends among six steps; three times a and once b.
    assert model.end == pytest.approx(2.5 / 7)
    assert np.exp(model.log_prob_word[b"a"]) == pytest.approx(3.5 / 5)
    assert np.exp(model.log_prob_word[b"b"]) == pytest.approx(1.5 / 5)


def test_what_words_cannot_spell_has_no_segmentation():
    assert count_segmentations(b"abc", WORDS) == 0
    assert log_segmentations(b"abc", WORDS) == MODEL.log_prob(b"abc") == -math.inf
    assert count_segmentations(b"", WORDS) == 1
    assert MODEL.log_prob(b"") == pytest.approx(math.log(0.2))


def test_words_must_be_words():
    with pytest.raises(DataError, match="sum to one"):
        Unigram({b"a": math.log(0.5)}, end=0.5)
    with pytest.raises(DataError, match="end=1"):
        Unigram({b"a": 0.0}, end=1)
    with pytest.raises(DataError, match="empty"):
        count_segmentations(b"a", [b"a", b""])
