"""Strategies in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.decoding.chain import Chain, Greedy
from typica.decoding.stages import Mirostat, MirostatZipf, Nucleus, Temperature, TopK, Typical
from typica.decoding.words import strategy_from


def test_words_are_read_from_left_to_right():
    found = strategy_from("nucleus=0.95, top-k=40,temperature=.8")
    assert found == Chain(Nucleus(0.95), TopK(40), Temperature(0.8))
    assert strategy_from({"typical": 0.2, "top_k": 5}) == Chain(Typical(0.2), TopK(5))
    assert strategy_from("top-p=0.9") == Chain(Nucleus(0.9))
    assert strategy_from("mirostat=5") == Chain(Mirostat(5, 0.1))
    assert strategy_from({"mirostat-1": [5, 0.2]}) == Chain(MirostatZipf(5, 0.2))
    assert strategy_from("ancestral") == strategy_from({}) == Chain()
    assert strategy_from(" greedy ") == Greedy()


SHARES = st.floats(1e-6, 1.0)
PARTS = st.one_of(
    SHARES.map("nucleus={}".format),
    SHARES.map("typical={}".format),
    SHARES.map("min-p={}".format),
    SHARES.map("eta={}".format),
    SHARES.map("epsilon={}".format),
    st.integers(1, 500).map("top-k={}".format),
    st.floats(0.1, 9).map("temperature={}".format),
    st.tuples(st.floats(0.1, 9), SHARES).map("mirostat={0[0]}:{0[1]}".format),
)


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_what_is_written_is_read_again(parts):
    chain = strategy_from(",".join(parts))
    assert strategy_from(str(chain)) == chain
    assert len(chain.stages) == len(parts)


def test_strategies_without_numbers_are_written_by_name():
    assert str(Chain()) == "ancestral"
    assert str(Greedy()) == "greedy"
    assert str(Chain(Nucleus(0.95), TopK(40))) == "nucleus=0.95,top-k=40"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("nuclues=0.9", "there is no strategy 'nuclues': did you mean 'nucleus'"),
        ("nucleus", "nucleus takes one number, as in nucleus=SHARE"),
        ("top-k=3:4", "top-k takes one number, as in top-k=K"),
        ("mirostat=1:2:3", "mirostat takes 1 to 2 numbers, as in mirostat=TARGET"),
        ("top-k=many", "top-k takes a number, got 'many'"),
        ("top-k=2.5", "top-k must be a whole number of at least 1, got 2.5"),
        ("nucleus=1.2", "nucleus must be above 0 and at most 1, got 1.2"),
        ("mirostat=0", "mirostat's target must be above 0, got 0"),
        ("temperature=-1", "temperature must be at least 0, got -1"),
        ("greedy,top-k=3", "greedy is a strategy by itself"),
        ("", "there is no strategy ''"),
        ("nucleus=0.9,", "there is no strategy ''"),
        ({"nucleus": True}, "nucleus takes a number, got True"),
        ({"nucleus": None}, "nucleus takes a number, got None"),
        ({"nucleus": []}, "nucleus takes one number"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(words, why):
    with pytest.raises(ConfigError, match=why):
        strategy_from(words)
