import numpy as np
import pytest

from typica.core.errors import DataError
from typica.score.notes import Note, Notes

MIDDLE_C = Note(pitch=60, onset_s=0.5, offset_s=1.0)


def test_columns_and_rows_say_the_same():
    rows = [MIDDLE_C, Note(64, 0.0, 2.0, velocity=1, channel=15, program=127)]

    notes = Notes.of(rows)

    assert notes.rows() == rows
    assert notes.pitch.tolist() == [60, 64]
    assert notes.duration_s == 2.0


def test_no_notes_last_no_time():
    assert len(Notes.of([])) == 0
    assert Notes.of([]).duration_s == 0.0
    assert Notes.of([]).in_order().rows() == []


def test_order_is_of_onset_then_pitch_then_channel():
    last, high, low = MIDDLE_C, Note(72, 0.0, 1.0), Note(48, 0.0, 1.0, channel=1)
    doubled = low._replace(channel=0)

    assert Notes.of([last, high, low, doubled]).in_order().rows() == [doubled, low, high, last]


def test_another_instrument_leaves_drums_alone():
    notes = Notes.of([MIDDLE_C, MIDDLE_C._replace(channel=9, program=8)])

    assert notes.played_on(19).program.tolist() == [19, 8]
    assert notes.program.tolist() == [0, 8]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"pitch": 128}, r"the pitch of a note must be in \[0, 127\], got 128"),
        ({"pitch": 60.5}, "the pitch of a note must be a whole number, got float64 values"),
        ({"velocity": 0}, r"the velocity of a note must be in \[1, 127\], got 0"),
        ({"channel": -1}, r"the channel of a note must be in \[0, 15\], got -1"),
        ({"onset_s": -0.1}, "notes must begin at or after 0 s"),
        ({"offset_s": 0.5}, "and end after they begin"),
        ({"offset_s": np.nan}, "and end after they begin"),
        ({"offset_s": np.inf}, "and end after they begin"),
    ],
)
def test_impossible_notes_are_refused(wrong, sentence):
    with pytest.raises(DataError, match=sentence):
        Notes.of([MIDDLE_C._replace(**wrong)])


def test_columns_of_different_lengths_are_refused():
    columns = [np.array([1])] * 5

    with pytest.raises(DataError, match="equally long"):
        Notes(*columns, np.array([1, 2]))


def test_an_instrument_that_midi_lacks_is_refused():
    with pytest.raises(DataError, match=r"program of a note must be in \[0, 127\], got 128"):
        Notes.of([MIDDLE_C]).played_on(128)
