import numpy as np
import pytest

from typica.core.errors import ShapeError
from typica.score.tracked import Segmentation

FRAME_S = 0.01
PLAIN = Segmentation(late_s=0.0)


def track(*parts):
    """Join parts of a track: a pitch (0 where there is none), a number of frames, a level."""
    pitch, level = (
        np.concatenate([np.full(count, value) for value, count in column])
        for column in (
            [(pitch, count) for pitch, count, _ in parts],
            [(level, count) for _, count, level in parts],
        )
    )
    frequency = np.where(pitch > 0, 440 * 2 ** ((pitch - 69) / 12), 1.0)
    return frequency.astype(np.float32), pitch > 0, level.astype(np.float32), FRAME_S


def spans(notes):
    return [
        (pitch, round(a, 3), round(b, 3))
        for pitch, a, b in zip(
            notes.pitch.tolist(), notes.onset_s.tolist(), notes.offset_s.tolist(), strict=True
        )
    ]


def test_changes_of_pitch_part_notes_and_silence_lies_between():
    notes = PLAIN.notes(*track((60, 30, -10), (62.3, 30, -10), (0, 20, -80), (55, 40, -10)))

    assert spans(notes) == [(60, 0.0, 0.3), (62, 0.3, 0.6), (55, 0.8, 1.2)]


def test_a_note_is_struck_again_where_the_level_rises():
    notes = PLAIN.notes(*track((60, 30, -20), (60, 30, -10)))

    assert spans(notes) == [(60, 0.0, 0.3), (60, 0.3, 0.6)]
    assert notes.velocity.tolist() == [107, 127]  # 10 dB apart, a step for each half


def test_vibrato_slips_and_breath_make_no_notes():
    wavering = [(60 + 0.4 * (-1) ** n, 3, -10) for n in range(20)]

    assert spans(PLAIN.notes(*track(*wavering))) == [(60, 0.0, 0.6)]
    assert spans(PLAIN.notes(*track((60, 30, -10), (72, 2, -10), (60, 30, -10)))) == [
        (60, 0.0, 0.62)
    ]
    assert len(PLAIN.notes(*track((60, 30, -10), (65, 30, -90)))) == 1


def test_what_a_strike_begins_is_not_lost_though_its_pitch_is_heard_later():
    notes = PLAIN.notes(*track((60, 30, -30), (60, 4, -10), (64, 30, -10)))

    assert spans(notes) == [(60, 0.0, 0.3), (64, 0.3, 0.64)]


def test_notes_are_moved_back_by_what_they_are_heard_late():
    notes = Segmentation(late_s=0.03).notes(*track((60, 30, -10), (64, 30, -10)))

    assert spans(notes) == [(60, 0.0, 0.27), (64, 0.27, 0.57)]


def test_an_empty_track_is_no_notes_and_an_uneven_one_is_refused():
    nothing = np.zeros(0, np.float32)
    assert len(PLAIN.notes(nothing, nothing > 0, nothing, FRAME_S)) == 0

    with pytest.raises(ShapeError, match="as many of each"):
        PLAIN.notes(nothing, nothing > 0, np.zeros(3, np.float32), FRAME_S)
