import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score.controls import Control, Controls, Performance
from typica.score.midi import decode_performance, encode_midi
from typica.score.notes import Note, Notes
from typica.score.pedal import sustained


def held(*times, channel=0):
    """A pedal that goes down and up at these times in turn."""
    return [Control(time, 127 * (1 - index % 2), 64, channel) for index, time in enumerate(times)]


def spans(notes, controls, pitch=60):
    notes = [Note(pitch, *note) if len(note) == 2 else Note(*note) for note in notes]
    played = sustained(Performance(Notes.of(notes), Controls.of(controls)))
    return list(zip(played.onset_s.tolist(), played.offset_s.tolist(), strict=True))


@pytest.mark.parametrize(
    ("notes", "pedal", "expected"),
    [
        ([(0.5, 1)], (0, 2), [(0.5, 2)]),  # rings on
        ([(0.5, 1), (1.5, 1.7)], (0, 2), [(0.5, 1.5), (1.5, 2)]),  # struck again
        ([(1, 3)], (0, 2), [(1, 3)]),  # the key outlasts the pedal
        ([(0, 1)], (1.5, 2), [(0, 1)]),  # pressed too late
        ([(0, 1)], (1, 2), [(0, 2)]),  # pressed at the instant of the release
        ([(0, 1)], (0, 1), [(0, 1)]),  # both released at one instant
        ([(0, 3), (1, 2)], (0, 4), [(0, 1), (1, 4)]),  # struck again while the key is held
        ([(0, 1), (0, 2)], (0, 4), [(0, 4)]),  # struck together
        ([(0, 1), (2, 3)], (0, 1.5, 1.8, 4), [(0, 1.5), (2, 4)]),  # a release between
    ],
)
def test_the_rule(notes, pedal, expected):
    assert spans(notes, held(*pedal)) == expected


def test_a_pedal_never_released_holds_until_the_last_event():
    assert spans([(0, 1), (64, 2, 5)], held(0.5)) == [(0, 5), (2, 5)]
    assert spans([(0, 1)], [*held(0.5), Control(7, 127)]) == [(0, 7)]


def test_pedals_of_other_channels_do_not_act():
    notes = [Note(60, 0, 1), Note(60, 0, 1, channel=1)]

    assert spans(notes, [*held(0, 2), *held(0.5, 3, channel=1)]) == [(0, 2), (0, 3)]
    assert spans([Note(60, 0, 1, channel=9)], held(0, 2, channel=9)) == [(0, 1)]
    assert spans([(0, 1)], [Control(0, 127, 66), Control(2, 0, 66)]) == [(0, 1)]


def test_64_is_down_and_63_is_up():
    assert spans([(0.5, 1)], [Control(0, 64), Control(2, 63)]) == [(0.5, 2)]
    assert spans([(0.5, 1)], [Control(0, 63), Control(2, 0)]) == [(0.5, 1)]
    half = [Control(0, 70), Control(1.2, 90), Control(1.5, 65), Control(2, 0)]
    assert spans([(0.5, 1)], half) == [(0.5, 2)]


@pytest.mark.parametrize("first", [0, 127], ids=["released first", "pressed first"])
def test_released_and_pressed_at_one_instant_the_pedal_is_up_whichever_is_told_first(first):
    both = [Control(1, first), Control(1, 127 - first)]

    assert spans([(0, 0.5), (1.2, 1.4)], [Control(0, 127), *both, Control(2, 0)]) == [
        (0, 1), (1.2, 1.4),
    ]  # fmt: skip
    assert spans([(0.5, 1), (0, 1.5)], [*both, Control(2, 0)]) == [(0, 1.5), (0.5, 1)]


@pytest.mark.parametrize(
    ("notes", "pedal", "expected"),
    [
        ([(0, 0.5), (1, 2)], (0, 1), [(0, 1), (1, 2)]),  # struck as the pedal is released
        ([(0, 2), (1, 1.5)], (1, 3), [(0, 1), (1, 3)]),  # struck as it is pressed
        ([(0, 2), (1, 1.5)], (0, 1), [(0, 2), (1, 1.5)]),  # struck as it is released, key held
        ([(0, 1), (1, 2)], (0, 3), [(0, 1), (1, 3)]),  # released and struck again under it
        ([(0, 1), (1, 2)], (1, 3), [(0, 1), (1, 3)]),  # all three at once
    ],
)
def test_at_one_instant_pedals_come_before_keys(notes, pedal, expected):
    assert spans(notes, held(*pedal)) == expected


PIECES = st.lists(
    st.builds(
        lambda pitch, start, length, channel: Note(
            pitch, start / 4, (start + length) / 4, 80, channel
        ),
        st.integers(60, 61), st.integers(0, 20), st.integers(1, 9), st.integers(0, 1),
    ),
    max_size=12,
)  # fmt: skip
PEDALS = st.lists(
    st.builds(
        lambda time, value, channel: Control(time / 4, value, 64, channel),
        st.integers(0, 24), st.sampled_from([0, 63, 64, 127]), st.integers(0, 1),
    ),
    max_size=12,
)  # fmt: skip


def in_order(rows, controls):
    """Return time, kind, channel and row of each event, in the order of the fact sheet."""
    events = [(c.time_s, 0 if c.value >= 64 else 1, c.channel, -1) for c in controls]
    for index, row in enumerate(rows):
        events += [(row.onset_s, 2, row.channel, index), (row.offset_s, 3, row.channel, index)]
    return sorted(events, key=lambda event: (event[:2], event[3]))


def one_by_one(rows, controls):
    """Play event by event, as the fact sheet words the rule."""
    rows = sorted(rows, key=lambda row: (row.onset_s, row.pitch, row.channel))
    ends = [row.offset_s for row in rows]
    active, down, now = {0: [], 1: []}, {0: False, 1: False}, 0.0
    for now, kind, channel, index in in_order(rows, controls):
        struck = kind == 2 and down[channel]
        down[channel] = kind == 0 or (down[channel] and kind != 1)
        for other in list(active[channel]):
            rang_on = kind == 1 and rows[other].offset_s < now
            if rang_on or (struck and rows[other].pitch == rows[index].pitch):
                ends[other] = now
                active[channel].remove(other)
        if kind == 2:
            active[channel].append(index)
        elif kind == 3 and not down[channel] and index in active[channel]:
            active[channel].remove(index)
    for index in active[0] + active[1]:
        ends[index] = now
    return sorted(
        (row.channel, row.pitch, row.onset_s, end)
        for row, end in zip(rows, ends, strict=True)
        if end > row.onset_s
    )


@given(PIECES, PEDALS)
def test_all_at_once_is_as_one_by_one(rows, controls):
    played = sustained(Performance(Notes.of(rows), Controls.of(controls)))

    found = sorted((row.channel, row.pitch, row.onset_s, row.offset_s) for row in played.rows())
    assert found == one_by_one(rows, controls)


@given(PIECES, PEDALS)
def test_once_is_enough_and_nothing_is_lost_but_by_a_strike(rows, controls):
    notes, controls = Notes.of(rows), Controls.of(controls)

    once = sustained(Performance(notes, controls))

    again = sustained(Performance(once, Controls.of([])))
    assert again.rows() == once.rows()
    starts = {(row.channel, row.pitch, row.onset_s) for row in once.rows()}
    assert starts == {(row.channel, row.pitch, row.onset_s) for row in rows}
    for row in once.rows():
        lengths = [old.offset_s for old in rows if old[:2] == row[:2] and old[4] == row[4]]
        strikes = {old.onset_s for old in rows if old.pitch == row.pitch}
        assert row.offset_s in strikes or row.offset_s >= min(lengths)


def test_a_performance_comes_back_from_midi():
    notes = Notes.of([Note(60, 0.5, 1.0), Note(62, 1.0, 2.0, channel=1)])
    controls = Controls.of([Control(0.25, 127), Control(1.5, 0, channel=1), Control(2.5, 3, 67)])

    read = decode_performance(encode_midi(notes, changes=controls))

    assert read.notes.rows() == notes.rows()
    assert read.controls.rows() == controls.rows()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (Control(-1, 0), "at or after 0 s"),
        (Control(np.nan, 0), "at or after 0 s"),
        (Control(0, 128), r"value of a control must be in \[0, 127\]"),
        (Control(0, 1, 64, 16), r"channel of a control must be in \[0, 15\]"),
    ],
)
def test_impossible_controls_are_refused(wrong, sentence):
    with pytest.raises(DataError, match=sentence):
        Controls.of([wrong])
