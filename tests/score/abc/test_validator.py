from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.score.abc.bars import read_bars
from typica.score.abc.tokens import tokenise
from typica.score.abc.validator import validate

C, JIG, WALTZ = "M:4/4 L:1/8 K:Gmaj ", "M:6/8 L:1/8 K:Gmaj ", "M:3/4 L:1/8 K:Gmaj "

RIGHT = [
    C + "|: G 2 A 2 B 2 c 2 | d > e f < g (3 a b c' d 2 | [ G B d ] 8 :|",
    C + "G 3/2 A /2 G 4 z 2 | G >> A G 6 | (5 G A B c d G 6 ||",
    JIG + "|: d e f (2 g a | (3 A B c d (3 e f g a | G 3 A > B c :|",
    JIG + "(3:2:2 G 2 A B c d e | (9 A B A B A B A B A A 3 |]",
    WALTZ + "|: G 2 B 2 d 2 | G 6 :: (3 g f e d 4 | c > d B 4 :|",
    # Pick-ups: completed by the last bar of their part, of the tune, and across parts.
    C + "G A |: B 2 c 2 d 2 e 2 | G 6 :|",
    C + "|: G A | B 2 c 2 d 2 e 2 | G 6 :: B c | d 8 | e 6 :|",
    C + "G 2 | B 8 | d 6 G 2 | B 6 ||",
    C + "B 8 | d 4 :: d 4 | B 8 | G 8 :|",
    # Each ending completes the pick-up that is played after it.
    C + "|: G 2 | B 8 | d 8 |1 G 6 :|2 G 6 || B 2 | c 8 | d 6 ||",
    "M:2/2 L:1/4 K:Dmin D 4 | M:3/2 D 6 | L:1/8 D 12 ||",
    "M:none L:1/8 K:Gmaj G A | B ||",
]


@pytest.mark.parametrize("text", RIGHT)
def test_bars_of_the_right_length_are_accepted(text):
    found = validate(tokenise(text))
    assert found.faults == ()
    assert found.right == found.bars


def wrong_bars(text):
    return [fault.bar for fault in validate(tokenise(text)).of_kind("bar length")]


def test_bars_of_the_wrong_length_are_found_where_they_are():
    assert wrong_bars(C + "G 8 | G 7 | G 9 | G 8 ||") == [1, 2]
    assert wrong_bars(JIG + "G 3 A 2 G | (3 A B c d 2 | G 6 ||") == [1]
    # Two endings of a tune, of which one completes its pick-up and one does not.
    assert wrong_bars(C + "|: G 2 | B 8 |1 G 6 :|2 G 5 ||") == [3]
    # A short bar in the middle of a part is no pick-up.
    assert wrong_bars(C + "G 2 | B 8 | c 6 | B 8 | G 6 ||") == [2]
    assert wrong_bars(C + "G 8 | G 8 || B 2 | B 8 ||") == [2]
    found = validate(tokenise(C + "G 8 | G 7 | G 9 | G 8 ||"))
    assert (found.right, found.bars, found.share) == (2, 4, 0.5)
    assert [fault.token for fault in found.faults] == [6, 9]
    assert "lasts 7/8 of a whole note, and its metre 1" in found.faults[0].what


def kinds(text, **settings):
    return [fault.kind for fault in validate(tokenise(text), **settings).faults]


def test_repeats_and_endings_are_paired():
    assert kinds(C + "|: G 8 | A 8 ||") == ["repeat"]
    assert kinds(C + "|: G 8 |: A 8 :|") == ["repeat"]
    assert kinds(C + "G 8 :| A 8 :|") == []  # each goes back to where it began
    assert kinds(C + "|: G 8 |1 A 8 :| B 8 |]") == ["ending"]
    assert kinds(C + "|: G 8 :|2 A 8 ||") == ["ending"]
    assert kinds(C + "|: G 8 |1 A 8 :|2 B 8 :: c 8 |1 d 8 :|2 e 8 |]") == []


def test_what_is_wrong_within_a_bar_is_found():
    assert kinds(C + "[ G B | G 8 ||")[0] == "chord"
    assert kinds(C + "[ ] G 8 ||") == ["chord"]
    assert kinds(C + "(3 G A | G 8 ||")[0] == "tuplet"
    assert kinds(C + "G 8 > | A 8 ||")[1] == "broken rhythm"
    assert kinds(C + "2 G 8 ||") == ["duration"]
    assert kinds("M:x/4 L:1/8 K:Hmaj G 8 ||") == ["metre", "key"]
    assert kinds("K:Gmaj G 8 ||") == ["header", "header"]
    assert kinds("") == ["header"] * 3


def test_what_was_cut_off_is_no_fault():
    text = C + "|: G 8 | A 8 |1 G 8 | (3 A B"
    assert len(kinds(text)) > 2
    assert kinds(text, cut=True) == []
    assert validate(tokenise(text), cut=True).bars == 3
    assert kinds(C + "|: G 7 | A 8 | B", cut=True) == []  # a pick-up
    assert kinds(C + "|: G 8 | A 7 | B", cut=True) == ["bar length"]


def test_lengths_are_exact():
    bars = read_bars(tokenise(C + "(3 G A B c /2 | d >> e f <<< g |")).bars
    assert [bar.length for bar in bars] == [Fraction(5, 16), Fraction(1, 2)]
    (bar,) = read_bars(tokenise(C + "[ G 2 B ] 3/2 d ||")).bars
    assert bar.length == Fraction(4, 8)
    (bar,) = read_bars(tokenise(C + "[ G B 2 ] d ||")).bars
    assert bar.length == Fraction(2, 8)  # a chord is as long as its first note


WORDS = tokenise(" ".join(RIGHT) + " > [ ] (3 | |1 :|2 :| |: :: /2 3")


@given(st.lists(st.sampled_from(WORDS), max_size=40), st.booleans())
def test_no_tokens_break_it_and_every_fault_has_its_place(tokens, cut):
    found = validate(tokens, cut=cut)
    assert 0 <= found.right <= found.bars
    assert all(0 <= fault.token <= len(tokens) for fault in found.faults)
    assert 0 <= found.share <= 1
