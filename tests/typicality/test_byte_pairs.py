import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.typicality.byte_pairs import BytePairEncoding

TEXTS = [b"the cat sat on the mat", b"that hat is the cat's", b"aaaa bbbb aaaa"]
TRAINED = BytePairEncoding.train(TEXTS, 40)


@given(st.binary(max_size=60))
def test_every_text_comes_back(text):
    assert TRAINED.decode(TRAINED.encode(text)) == text


@given(st.text(alphabet="theca mb", max_size=40))
def test_words_of_a_known_alphabet_come_back_too(text):
    assert TRAINED.decode(TRAINED.encode(text.encode())) == text.encode()


def test_the_most_frequent_pair_is_merged_first():
    assert BytePairEncoding.train([b"abcabdab"], 1).merges == ((ord("a"), ord("b")),)


def test_of_equally_frequent_pairs_the_first_in_the_alphabet_is_merged():
    assert BytePairEncoding.train([b"xyxy", b"cdcd"], 1).merges == ((ord("c"), ord("d")),)


def test_merges_are_applied_by_rank_not_from_left_to_right():
    bc_first = BytePairEncoding(((ord("b"), ord("c")), (ord("a"), ord("b"))))

    assert bc_first.encode(b"abc") == [ord("a"), 256]
    assert bc_first.encode(b"ab") == [257]


def test_training_is_replayed_by_encoding():
    words = [TRAINED.words[number] for number in TRAINED.encode(b"the cat")]

    assert b"".join(words) == b"the cat"
    assert len(words) < 4
    assert BytePairEncoding.train([b"aaaa"] * 2, 2).encode(b"aaaa") == [257]


def test_training_ends_where_nothing_comes_twice():
    assert BytePairEncoding.train([b"abc"], 10).merges == ()
    assert BytePairEncoding.train([], 10).merges == ()


def test_without_merges_words_are_bytes_and_nothing_is_lost():
    assert BytePairEncoding().encode(b"\x00\xff") == [0, 255]
    assert TRAINED.is_lossless
    assert math.exp(TRAINED.log_volume(TRAINED.encode(b"the"))) == 1


def test_words_that_are_not_there_are_refused():
    with pytest.raises(DataError, match="from 0 to 255"):
        BytePairEncoding().decode([256])
    with pytest.raises(DataError, match="merge 0 joins"):
        BytePairEncoding(((0, 256),))
