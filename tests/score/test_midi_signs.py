"""What MIDI files say beside their sounds, against mido, which writes them."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.score.midi_events import read_signs

mido = pytest.importorskip("mido")


def saved(*tracks):
    file = mido.MidiFile(ticks_per_beat=96)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def tempo(us, ticks):
    return mido.MetaMessage("set_tempo", tempo=us, time=ticks)


def note(ticks):
    return mido.Message("note_on", note=60, velocity=9, time=ticks)


@given(st.lists(st.tuples(st.integers(200_000, 2_000_000), st.integers(0, 500)), max_size=6))
def test_ticks_are_counted_in_quarters_through_changes_of_tempo(changes):
    from typica.score.midi_events import read_events

    notes = [note(37) for _ in range(40)]
    data = saved([tempo(*change) for change in changes], notes)

    quarters = read_signs(data).quarters(read_events(data).time_s)

    assert quarters == pytest.approx(37 * np.arange(1, 41) / 96, abs=1e-9)


def test_metre_and_key_are_the_first_and_what_is_not_read_is_counted():
    signs = read_signs(
        saved(
            [
                mido.MetaMessage("track_name", name="left"),
                mido.MetaMessage("time_signature", numerator=6, denominator=8),
                mido.MetaMessage("time_signature", numerator=3, denominator=4),
                mido.MetaMessage("key_signature", key="Eb"),
            ],
            [mido.MetaMessage("lyrics", text="la", time=5), mido.Message("pitchwheel", pitch=9)],
        )
    )

    assert (signs.metre, signs.sharps, signs.words, signs.bends) == ((6, 8), -3, 2, 1)


def test_what_a_file_does_not_say_is_not_told():
    signs = read_signs(saved([note(0)]))

    assert (signs.metre, signs.sharps, signs.words, signs.bends) == (None, None, 0, 0)
    assert signs.quarters_per_s.tolist() == [2.0]
