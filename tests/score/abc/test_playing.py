"""Tunes as notes, and in other keys."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score.abc.bars import read_bars
from typica.score.abc.books import read_book
from typica.score.abc.cleaning import clean_all
from typica.score.abc.keys import read_key
from typica.score.abc.pitches import sounding_pitches, transposed
from typica.score.abc.playing import played, played_order
from typica.score.abc.tokens import tokenise

KEYS = ["C", "F#", "Gb", "Bmin", "Ebdor", "Amix", "Dmin", "C#", "Ebmin"]


def tune(body, key="C", meter="2/4", unit="1/4"):
    return tokenise(f"M:{meter} L:{unit} K:{read_key(key).name} {body}")


def pitches(body, key="C"):
    return list(sounding_pitches(tune(body, key)).values())


def lengths(body, meter="2/4"):
    notes = played(tune(body, meter=meter), quarters_per_minute=60)
    return (notes.offset_s - notes.onset_s).tolist()


def order(body):
    return list(played_order(read_bars(tune(body)).bars))


def test_letters_are_the_pitches_of_the_standard():
    assert pitches("C, C c c' B, z") == [48, 60, 72, 84, 59]


def test_accidentals_hold_for_their_letter_to_the_end_of_the_bar():
    assert pitches("F f =F f F, | F _f ^^f f __B B", "G") == [
        66, 78, 65, 77, 53, 66, 76, 79, 79, 69, 69,
    ]  # fmt: skip


def test_a_key_within_the_tune_holds_from_there_on():
    assert pitches("F ^C K:Fmaj C B F") == [65, 61, 60, 70, 65]


def test_rhythm_is_as_written():
    expected = [1.5, 0.5, 2 / 3, 2 / 3, 2 / 3, 2.0, 0.5]
    assert lengths("C > D (3 E F G A 2 B /2") == pytest.approx(expected)
    assert lengths("(3 E F G", meter="6/8") == pytest.approx([2 / 3] * 3)
    assert lengths("(2 E F", meter="6/8") == [1.5] * 2


def test_a_chord_sounds_together_and_a_rest_takes_time():
    notes = played(tune("[ C E G ] 2 z D"), quarters_per_minute=60)

    assert notes.pitch.tolist() == [60, 64, 67, 62]
    assert notes.onset_s.tolist() == [0, 0, 0, 3]
    assert notes.offset_s.tolist() == [2, 2, 2, 4]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A A | B B :|", [0, 1, 0, 1]),
        ("A A |: B B | c c :| d d", [0, 1, 2, 1, 2, 3]),
        ("|: A A |1 B B :|2 c c | d d :| e e", [0, 1, 0, 2, 3, 4]),
        ("|: A A |1 B B | d d :|2 c c | d d || f f :|", [0, 1, 2, 0, 3, 4, 5, 5]),
        ("A A :: B B :: c c :|", [0, 0, 1, 1, 2, 2]),
        ("A A || B B :|", [0, 1, 1]),
        ("A A :| B B | c c :|", [0, 0, 1, 2, 1, 2]),
        ("|: A A |1 B B :|", [0, 1, 0, 1]),
    ],
)
def test_repeats_are_played_with_their_endings(body, expected):
    assert order(body) == expected


@given(
    st.lists(st.sampled_from(["|:", ":|", "|1", ":|2", "::", "|", "||", "|2", "A"]), max_size=30)
)
def test_every_order_ends_and_leaves_no_bar_out_but_first_endings(tokens):
    bars = read_bars(tune(" ".join(tokens))).bars

    played_bars = list(played_order(bars))

    assert len(played_bars) <= 2 * len(bars)
    left_out = set(range(len(bars))) - set(played_bars)
    assert all(any("1" in bars[n].opens for n in range(m + 1)) for m in left_out)


@pytest.mark.parametrize("key", KEYS)
@given(
    st.lists(
        st.sampled_from(["C", "^d", "_B", "=F", "G,", "|", "^^f", "__E", "B", "e'", "_a"]),
        min_size=1,
    )
)
def test_to_another_key_and_back_all_sounds_are_the_same(key, tokens):
    old = tune(" ".join(tokens), key)

    there = transposed(old, "C")
    back = transposed(there, read_key(key).tonic)

    assert there[2] == f"K:C{read_key(key).mode}"
    before, moved, after = (list(sounding_pitches(one).values()) for one in (old, there, back))
    assert before == after
    assert len({a - b for a, b in zip(moved, before, strict=True)}) <= 1
    assert all(abs(a - b) <= 6 for a, b in zip(moved, before, strict=True))


def test_a_scale_is_transposed_without_accidentals():
    assert transposed(tune("E F G A B c d e", "E"), "C")[3:] == list("CDEFGABc")
    assert transposed(tune("D E F G A =B c d", "Dmin"), "C")[3:] == [*"CDEFG", "=A", *"Bc"]
    assert transposed(tune("G A K:Dmaj d", "G"), "C")[3:] == ["c", "d", "K:Gmaj", "g"]


def test_what_cannot_be_played_is_refused():
    with pytest.raises(DataError, match="outside of MIDI's pitches"):
        played(tune("C,,,,,,"))
    with pytest.raises(DataError, match="without a key cannot be transposed"):
        transposed(["C"])
    with pytest.raises(DataError, match="an accidental that is none"):
        pitches("^_C")


def test_tunes_of_a_book_are_played_and_transposed():
    pytest.importorskip("music21")
    tunes = clean_all(islice(read_book("ryan"), 300)).tunes

    notes = [played(one.tokens) for one in tunes]

    assert len(notes) >= 0.98 * 300
    assert all(len(one) > 20 for one in notes)
    for one in tunes[::20]:
        key = next(read_key(token[2:]) for token in one.tokens if token.startswith("K:"))
        back = transposed(transposed(one.tokens), key.tonic)
        assert sounding_pitches(back) == sounding_pitches(one.tokens)
