import numpy as np
import pytest

from typica.core.errors import ShapeError
from typica.score.notes import Note, Notes
from typica.score.roll import piano_roll
from typica.typicality.frames import unchanged_frames, unchanged_share


def test_a_held_chord_changes_once_and_a_finer_grid_finds_more_of_nothing():
    notes = Notes.of([Note(60, 0.0, 1.0), Note(64, 0.0, 1.0), Note(62, 1.0, 2.0)])

    coarse, fine = piano_roll(notes, 4), piano_roll(notes, 100)

    assert np.flatnonzero(~unchanged_frames(coarse)).tolist() == [0, 4]
    assert unchanged_share(coarse) == 6 / 8
    assert unchanged_share(fine) == 198 / 200


def test_surprisal_is_shared_between_frames():
    roll = np.array([[0], [0], [1], [1]])

    assert unchanged_share(roll, np.array([1.0, 2.0, 4.0, 1.0])) == 3 / 8
    assert unchanged_share(np.zeros((0, 128))) == 0


def test_what_is_no_roll_is_refused():
    with pytest.raises(ShapeError, match="frames, pitches"):
        unchanged_frames(np.zeros(4))
    with pytest.raises(ShapeError, match="each of 2 frames"):
        unchanged_share(np.zeros((2, 1)), np.zeros(3))
