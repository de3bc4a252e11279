import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score.abc.tokens import TYPES, Vocabulary, detokenise, token_type, tokenise

TUNE = "M:6/8 L:1/8 K:Ador |: e A A (3 B c d | ^c' 3/2 z /2 [ A, E ] 2 d > e |1 _b 3 a :|2 A 6 |]"
OF_A_KIND = {
    "transcription": ["<s>", "</s>"],
    "meter": ["M:6/8", "M:2/2", "M:none"],
    "unit": ["L:1/8", "L:1/16"],
    "key": ["K:Gmaj", "K:F#min"],
    "measure": ["|", "||", "|]", "[|", "|:", ":|", "::", "|1", ":|2"],
    "grouping": ["(3", "(5", "(3:2:4", "[", "]"],
    "pitch": ["C", "c'", "^^f", "_B,", "=e", "z"],
    "duration": ["2", "/2", "3/2", "12", ">", "<<"],
}


def squeezed(text):
    return "".join(text.split())


def test_a_tune_comes_back_but_for_blanks():
    assert squeezed(detokenise(tokenise(TUNE))) == squeezed(TUNE)
    tight = "M:6/8 L:1/8 K:Ador |:eAA (3Bcd|^c'3/2z/2[A,E]2d>e|1_b3a:|2A6|]"
    assert tokenise(tight) == tokenise(TUNE)


@given(st.lists(st.sampled_from([token for tokens in OF_A_KIND.values() for token in tokens])))
def test_any_tokens_come_back_from_text(tokens):
    assert tokenise(detokenise(tokens)) == tokens


def test_every_token_is_of_one_type():
    assert tuple(OF_A_KIND) == TYPES
    for kind, tokens in OF_A_KIND.items():
        assert {token_type(token) for token in tokens} == {kind}


def test_a_vocabulary_is_sorted_and_its_types_part_it():
    vocabulary = Vocabulary(tokenise(TUNE))

    assert list(vocabulary.tokens) == sorted(set(tokenise(TUNE)) | {"<s>", "</s>"})
    parts = {kind: [t for t in vocabulary.tokens if token_type(t) == kind] for kind in TYPES}
    assert sum(map(len, parts.values())) == len(vocabulary) == len(vocabulary.types)
    assert vocabulary.words(vocabulary.numbers(tokenise(TUNE))) == tokenise(TUNE)
    assert vocabulary.words([vocabulary.numbers(["e"])[0], vocabulary.end, 0]) == ["e"]


def test_what_is_no_token_is_refused_with_its_place():
    with pytest.raises(DataError, match="'h' at character 4 is no token of ABC"):
        tokenise("A B h")
    with pytest.raises(DataError, match="'M:' is no token"):
        token_type("M:")
    with pytest.raises(DataError, match="no token 'K:Gmin': did you mean 'K:Gmaj'"):
        Vocabulary(["K:Gmaj"]).numbers(["K:Gmin"])
