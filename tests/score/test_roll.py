import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from typica.score.notes import Note, Notes
from typica.score.roll import onset_roll, piano_roll

RATE = 125.0


def test_a_note_marks_every_frame_it_touches():
    roll = piano_roll(Notes.of([Note(60, 0.012, 0.025)]), RATE)

    # Frames of 8 ms: the second holds 12 ms, the fourth begins at 24 ms.
    assert np.flatnonzero(roll[:, 60]).tolist() == [1, 2, 3]
    assert roll.sum() == 3
    assert roll.dtype == np.uint8


def test_notes_on_the_edges_of_frames_touch_no_other():
    edges = np.arange(0, 3000, 3) / RATE
    notes = Notes.of([Note(60, start, start + 1 / RATE) for start in edges])

    assert np.flatnonzero(piano_roll(notes, RATE)[:, 60]).tolist() == list(range(0, 3000, 3))
    assert np.array_equal(piano_roll(notes, RATE), onset_roll(notes, RATE))


def test_a_shortest_note_is_still_a_frame():
    notes = Notes.of([Note(60, 0.016, 0.016 + 1e-9)])

    assert np.flatnonzero(piano_roll(notes, RATE)[:, 60]).tolist() == [2]


def test_held_and_struck_again_differ_in_onsets_alone():
    held = Notes.of([Note(60, 0.0, 1.0)])
    twice = Notes.of([Note(60, 0.0, 0.5), Note(60, 0.5, 1.0)])

    assert np.array_equal(piano_roll(held, RATE), piano_roll(twice, RATE))
    assert np.flatnonzero(onset_roll(held, RATE)[:, 60]).tolist() == [0]
    assert np.flatnonzero(onset_roll(twice, RATE)[:, 60]).tolist() == [0, 62]


def test_length_may_be_given():
    notes = Notes.of([Note(60, 0.0, 1.0), Note(61, 2.0, 3.0)])

    short, long = (piano_roll(notes, RATE, frames) for frames in (100, 1000))

    assert short.shape == (100, 128)
    assert np.array_equal(short, long[:100])
    assert long[375:].sum() == 0
    assert onset_roll(notes, RATE, frames=100).sum() == 1


def test_no_notes_give_no_frames():
    assert piano_roll(Notes.of([]), RATE).shape == (0, 128)


@given(
    st.lists(st.tuples(st.integers(0, 127), st.floats(0, 4), st.floats(1e-3, 1)), max_size=20),
    st.floats(10, 400),
)
def test_frames_are_marked_as_a_stopwatch_would(spans, rate):
    notes = Notes.of([Note(pitch, start, start + length) for pitch, start, length in spans])
    roll = piano_roll(notes, rate, frames=64)

    for frame in range(64):
        begin, end = frame / rate, (frame + 1) / rate
        for pitch, start, length in spans:
            overlap = min(end, start + length) - max(begin, start)
            if overlap > 1e-5:
                assert roll[frame, pitch] == 1
    surely_off = [
        (frame, pitch)
        for frame, pitch in zip(*np.nonzero(roll), strict=True)
        if all(
            p != pitch or min((frame + 1) / rate, s + d) - max(frame / rate, s) < -1e-5
            for p, s, d in spans
        )
    ]
    assert surely_off == []
