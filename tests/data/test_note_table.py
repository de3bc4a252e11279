import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.data import note_table
from typica.data.prepare import prepare
from typica.score.notes import Note, Notes
from typica.score.roll import onset_roll, piano_roll

NOTE = st.builds(
    lambda pitch, onset, length, velocity: Note(pitch, onset, onset + length, velocity),
    st.integers(0, 127),
    st.floats(0, 2),
    st.floats(0.001, 1),
    st.integers(1, 127),
)
NOTES = st.lists(NOTE, max_size=12).map(Notes.of)


@given(NOTES)
def test_notes_come_back_as_they_were_in_order(notes):
    assert note_table.notes_of(note_table.rows_of(notes)).rows() == notes.in_order().rows()


@given(NOTES, st.sampled_from([20.0, 105.0, 125.0]), st.integers(-20, 300), st.integers(1, 40))
def test_a_window_is_that_of_the_whole_roll(notes, rate, start, length):
    rows = note_table.rows_of(notes)
    for name, whole in (("roll", piano_roll), ("onsets", onset_roll)):
        window = np.full((length, 128), 9.0, np.float32)

        note_table.draw(window, rows, name, rate, start)

        before = np.zeros((20, 128))
        expected = np.concatenate([before, whole(notes, rate, 400)])[20 + start :][:length]
        assert np.array_equal(window, expected)


def test_velocities_stand_where_a_note_sounds():
    rows = note_table.rows_of(Notes.of([Note(60, 0.0, 0.5, 33), Note(64, 0.5, 1.0, 99)]))
    frames = np.empty((10, 128), np.float32)

    note_table.draw(frames, rows, "velocities", 10.0, 0)

    assert frames[:, 60].tolist() == [33] * 5 + [0] * 5
    assert frames[:, 64].tolist() == [0] * 5 + [99] * 5
    assert frames.sum() == 5 * 33 + 5 * 99


@pytest.mark.parametrize(
    ("rate", "frames"), [(16000, 125), (48000, 125), (44100, 105), (22050, 105), (1009, 1)]
)
def test_frames_are_whole_samples_at_every_rate(rate, frames):
    kinds = note_table.track_kinds(rate)

    assert set(kinds) == {"roll", "onsets", "velocities"}
    assert {kind.rate for kind in kinds.values()} == {frames}


@pytest.fixture
def played(memory, tmp_path):
    """Prepare two sounds with notes, and one where nothing is played."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 16000))
    notes = {
        "a": Notes.of([Note(60, 0.25, 0.5)]),
        "b": Notes.of([Note(p, 0.0, 1.0) for p in (1, 2)]),
    }
    source = memory(dict(zip("abc", noise, strict=True)))
    source.has_notes, source.class_names = True, ("size",)
    original = source.open
    source.open = lambda item: original(item)._replace(
        notes=notes.get(item.id, Notes.of([])), facts={"size": "ab".find(item.id)}
    )
    return lambda: prepare(source, tmp_path / "played", workers=1)


def test_each_recording_has_its_own_notes(played):
    corpus = played()

    pitches = [corpus.notes(one).pitch.tolist() for one in corpus.recordings()]
    assert pitches == [[60], [1, 2], []]
    chosen = corpus.recordings()
    roll = corpus.condition(chosen, [3968, 0, 0], 256, ["roll"])["roll"].values
    assert roll.shape == (3, 128, 2)
    # A quarter of a second is 31.25 frames: in frame 31 the note begins.
    assert roll[0, 60].tolist() == [1, 1]
    assert roll.sum(dim=(1, 2)).tolist() == [2, 4, 0]


def test_facts_are_classes_in_order(played):
    corpus = played()

    assert corpus.classes == {"size": [-1, 0, 1]}
    told = corpus.condition(corpus.recordings(), [0, 0, 0], 16, ["size"])
    assert told["size"].values.tolist() == [1, 2, 0]


def test_a_table_that_is_cut_is_written_again(played):
    corpus = played()
    (table,) = (corpus.path / "shards").glob("*.notes")
    whole = table.read_bytes()
    table.write_bytes(whole[:20])

    played()

    assert table.read_bytes() == whole


def test_a_corpus_without_notes_says_so(ramps):
    corpus = ramps(100, 200)

    with pytest.raises(DataError, match="the corpus 'ramps' holds no notes"):
        corpus.notes(corpus.recordings()[0])
