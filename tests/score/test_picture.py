import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score.difference import difference
from typica.score.notes import Note, Notes
from typica.score.picture import RollPicture

FRAME_S = 0.01


@st.composite
def melodies(draw):
    """Draw notes of three voices; those of one voice and pitch never overlap."""
    rows = []
    for channel in range(3):
        for pitch in range(60, 63):
            now = 0
            for gap, length in draw(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)))):
                onset, now = now + gap, now + gap + length
                velocity = draw(st.integers(1, 127))
                rows.append(Note(pitch, onset / 100, now / 100, velocity, channel, 5 * channel))
    return Notes.of(rows)


@given(melodies().filter(len))
def test_notes_on_frames_come_back_exactly(notes):
    picture = RollPicture.of(notes, frames_per_s=100)

    back = picture.read(picture.draw(notes))

    found = difference(notes, back, tolerance_s=1e-9)
    assert (found.missing, found.added, found.velocity, found.voices) == (0, 0, 0, 0)
    assert found.offset_s < 1e-9


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.02, 5)), min_size=1, max_size=5))
def test_other_notes_come_back_to_half_a_frame(spans):
    rows = [Note(60 + n, onset, onset + length) for n, (onset, length) in enumerate(spans)]
    notes = Notes.of(rows)
    picture = RollPicture.of(notes, frames_per_s=1 / FRAME_S)

    found = difference(notes, picture.read(picture.draw(notes)), tolerance_s=FRAME_S)

    assert found.missing == found.added == 0
    assert max(found.onset_s, found.offset_s) <= FRAME_S / 2 + 1e-9


def test_a_note_struck_again_is_bright_there_and_pitch_rises_upwards():
    notes = Notes.of([Note(60, 0.0, 0.05, 100), Note(60, 0.05, 0.08, 50), Note(67, 0.0, 0.01, 1)])
    picture = RollPicture.of(notes, frames_per_s=100)

    levels = picture.draw(notes)

    assert levels.shape == (12 * 4, 8)  # pitches 58 to 69
    assert levels[-9].tolist() == [228, 100, 100, 100, 100, 178, 50, 50]
    assert levels[2 * 4].tolist() == [129, 0, 0, 0, 0, 0, 0, 0]


def test_a_picture_that_was_scaled_is_refused():
    notes = Notes.of([Note(60, 0.0, 1.0)])
    picture = RollPicture.of(notes)

    with pytest.raises(DataError, match="should have 20 rows .* has 10 .* scaled or cut"):
        picture.read(picture.draw(notes)[::2])
    with pytest.raises(DataError, match="no notes to draw"):
        RollPicture.of(Notes.of([]))
    with pytest.raises(DataError, match="pitches and voices of MIDI"):
        RollPicture(100.0, 70, 60, ((0, 0),))


def test_nothing_but_black_is_no_notes():
    picture = RollPicture(100.0, 60, 61, ((0, 0),))

    assert len(picture.read(np.zeros((8, 5), np.uint8))) == 0


def test_where_notes_of_a_pitch_overlap_the_first_ends_as_the_second_begins():
    notes = Notes.of([Note(60, 0.0, 1.0, 90), Note(60, 0.2, 0.3, 40)])
    picture = RollPicture.of(notes, frames_per_s=100)

    back = picture.read(picture.draw(notes))

    assert back.onset_s.tolist() == pytest.approx([0.0, 0.2])
    assert back.offset_s.tolist() == pytest.approx([0.2, 0.3])
    assert back.velocity.tolist() == [90, 40]
