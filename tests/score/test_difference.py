import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.score.difference import difference
from typica.score.notes import Note, Notes

BEFORE = Notes.of([Note(60, 0.0, 1.0, 80), Note(60, 2.0, 3.0, 90), Note(64, 2.0, 3.0, 90, 1, 40)])

notes = st.lists(
    st.builds(
        lambda pitch, onset, length, velocity, channel: Note(
            pitch, onset / 10, (onset + length) / 10, velocity, channel
        ),
        st.integers(60, 62),
        st.integers(0, 50),
        st.integers(1, 9),
        st.integers(1, 127),
        st.integers(0, 2),
    ),
    max_size=12,
).map(Notes.of)


def test_moved_softer_and_missing_notes_are_told():
    after = Notes.of([Note(64, 2.01, 2.9, 84, 1, 40), Note(60, 0.0, 1.0, 80), Note(65, 0.0, 1.0)])

    found = difference(BEFORE, after, tolerance_s=0.02)

    assert (found.notes, found.missing, found.added, found.velocity) == (3, 1, 1, 6)
    assert found.onset_s == pytest.approx(0.01)
    assert found.offset_s == pytest.approx(0.1)
    assert found.voices == 0


def test_a_note_of_another_voice_is_the_same_note_in_another_voice():
    after = Notes.of([row._replace(channel=0, program=0) for row in BEFORE.rows()])

    found = difference(BEFORE, after, tolerance_s=0.01)

    assert (found.missing, found.added, found.voices) == (0, 0, 1)


@given(notes)
def test_notes_do_not_differ_from_themselves_in_any_order(some):
    again = Notes.of(some.rows()[::-1])

    found = difference(some, again, tolerance_s=0.0)

    assert (found.missing, found.added, found.onset_s, found.voices) == (0, 0, 0.0, 0)


@given(notes, notes)
def test_what_is_missing_and_added_explains_the_numbers(some, other):
    found = difference(some, other, tolerance_s=0.15)

    assert len(some) - found.missing == len(other) - found.added >= 0


def test_a_note_that_came_before_takes_no_other_notes_place():
    after = Notes.of([Note(60, 0.5, 0.7), *BEFORE.rows()])

    found = difference(BEFORE, after, tolerance_s=0.02)

    assert (found.missing, found.added, found.onset_s) == (0, 1, 0)
