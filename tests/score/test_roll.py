import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.score.notes import Note, Notes
from typica.score.roll import (
    frames_of,
    onset_roll,
    piano_roll,
    roll_notes,
    velocity_roll,
)

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


def test_velocities_are_held_or_struck():
    notes = Notes.of([Note(60, 0.0, 0.032, velocity=127), Note(60, 0.016, 0.04, velocity=64)])

    held = velocity_roll(notes, RATE)[:, 60]
    struck = velocity_roll(notes, RATE, held=False)[:, 60]

    assert np.allclose(held, np.array([127, 127, 64, 64, 64]) / 127)
    assert np.allclose(struck, np.array([127, 0, 64, 0, 0]) / 127)


def test_frames_are_aligned_to_samples():
    samples, hop, rate = 100_001, 512, 16_000
    at = 512 * 77
    notes = Notes.of([Note(60, at / rate, (at + 1) / rate)])

    roll = piano_roll(notes, rate / hop, frames_of(samples, hop))

    assert len(roll) == 196
    assert np.flatnonzero(roll[:, 60]).tolist() == [77]


def rolls(struck, sounding):
    onsets, frames = np.zeros((2, len(struck), 128))
    onsets[:, 60], frames[:, 60] = struck, sounding
    return onsets, frames


@pytest.mark.parametrize(
    ("struck", "sounding", "expected"),
    [
        ([0, 0, 0], [1, 1, 1], []),  # frames without an onset
        ([0, 1, 0], [0, 0, 0], [(1, 2)]),  # an onset without frames
        ([1, 0, 1, 0], [1, 1, 1, 0], [(0, 2), (2, 3)]),  # struck again
        ([1, 1, 1, 0], [1, 1, 1, 1], [(0, 4)]),  # onsets in a row are one
        ([0, 0, 1], [0, 0, 1], [(2, 3)]),  # at the end
        ([1, 0, 0, 1], [1, 0, 1, 1], [(0, 1), (3, 4)]),
    ],
)
def test_onsets_alone_begin_notes(struck, sounding, expected):
    notes = roll_notes(*rolls(struck, sounding), 1.0)

    assert list(zip(notes.onset_s, notes.offset_s, strict=True)) == expected


@given(
    st.lists(
        st.tuples(st.integers(60, 63), st.integers(0, 60), st.integers(1, 9), st.integers(1, 127)),
        max_size=20,
    )
)
def test_rolls_give_back_notes_on_frames(spans):
    free, rows = {}, []
    for pitch, start, length, velocity in sorted(spans, key=lambda span: span[1]):
        if start >= free.get(pitch, 0):
            rows.append(Note(pitch, start / RATE, (start + length) / RATE, velocity))
            free[pitch] = start + max(length, 2)
    notes = Notes.of(rows).in_order()

    back = roll_notes(
        onset_roll(notes, RATE), piano_roll(notes, RATE), RATE, velocity=velocity_roll(notes, RATE)
    )

    assert back.rows() == notes.rows()


def test_rolls_of_two_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"one shape \(frames, 128\)"):
        roll_notes(np.zeros((3, 128)), np.zeros((4, 128)), RATE)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate):
    notes = Notes.of([Note(60, 0, 1)])
    for make in (piano_roll, onset_roll, velocity_roll):
        with pytest.raises(ConfigError, match="positive number of frames a second"):
            make(notes, rate)
    with pytest.raises(ConfigError, match="positive number of frames a second"):
        roll_notes(np.zeros((3, 128)), np.zeros((3, 128)), rate)
    with pytest.raises(ConfigError, match="at least 0 frames, got -1"):
        piano_roll(notes, 10.0, frames=-1)
