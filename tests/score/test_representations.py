import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.score.controls import Control, Controls, Performance
from typica.score.difference import difference
from typica.score.notes import Note, Notes
from typica.score.representations import REPRESENTATIONS

NO_CONTROLS = Controls.of([])


@st.composite
def piano(draw):
    """Draw notes of one voice; those of one pitch lie at least three hundredths apart."""
    rows = []
    for pitch in (60, 61, 70):
        now = 0.0
        for gap, length in draw(
            st.lists(st.tuples(st.floats(0.1, 2), st.floats(0.1, 2)), max_size=4)
        ):
            onset, now = now + gap, now + gap + length
            rows.append(Note(pitch, onset, now, draw(st.integers(1, 127))))
    return Notes.of(rows)


@given(piano(), st.sampled_from(["roll", "events", "multitrack"]))
def test_piano_comes_back_to_the_step(notes, kind):
    one = REPRESENTATIONS[kind]()

    back = one.decode(one.encode(Performance(notes, NO_CONTROLS)))

    found = difference(notes, back.notes, tolerance_s=1.01 * one.step_s)
    assert (found.missing, found.added, found.voices) == (0, 0, 0)
    assert max(found.onset_s, found.offset_s) <= one.step_s + 1e-6
    assert found.velocity <= {"roll": 0, "events": 3, "multitrack": 8}[kind]


@given(piano())
def test_columns_keep_every_bit_and_every_pedal(notes):
    controls = Controls.of([Control(0.3, 127), Control(1.7, 0, 64, 2)])
    one = REPRESENTATIONS["notes"]()

    back = one.decode(one.encode(Performance(notes, controls)))

    assert back.notes.rows() == notes.rows()
    assert back.controls.rows() == controls.rows()


@pytest.mark.parametrize("kind", ["roll", "events", "multitrack"])
def test_pedals_are_told_by_longer_notes(kind):
    pedal = Controls.of([Control(0.5, 127), Control(3.0, 0)])
    one = REPRESENTATIONS[kind]()

    back = one.decode(one.encode(Performance(Notes.of([Note(60, 0.0, 1.0)]), pedal)))

    assert back.notes.offset_s.tolist() == pytest.approx([3.0])


def test_the_vocabularies_are_the_published_ones():
    empty = Performance(Notes.of([Note(60, 0.0, 1.0)]), NO_CONTROLS)

    assert len(REPRESENTATIONS["events"]().encode(empty)["names"]) == 388
    assert len(REPRESENTATIONS["events"](steps_per_s=125).encode(empty)["names"]) == 413
    assert REPRESENTATIONS["roll"](frames_per_s=10).encode(empty)["onsets"].sum() == 1
    assert (
        np.count_nonzero(REPRESENTATIONS["roll"](frames_per_s=10).encode(empty)["sounding"]) == 10
    )


def test_steps_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="1 to 10000 .* got 0"):
        REPRESENTATIONS["events"](steps_per_s=0)
