import pickle

import pytest
import torch

from typica.core.errors import DataError
from typica.data.corpus import INDEX, data_home, open_corpus
from typica.data.folder import FolderSource
from typica.data.prepare import prepare


def counted(audio):
    """Return the numbers that the samples of a ramp stand for."""
    return (audio * 2**15).long().flatten().tolist()


def test_audio_is_what_was_prepared(ramps):
    first, second, third = (corpus := ramps(50, 60, 70)).recordings()

    assert corpus.audio(first).shape == (1, 50)
    assert counted(corpus.audio(second)) == list(range(51, 111))
    assert counted(corpus.audio(third, 10, 20)) == list(range(121, 131))


def test_outside_of_its_samples_a_recording_is_silent(ramps):
    recording = (corpus := ramps(50, 60, 70)).recordings()[1]

    assert counted(corpus.audio(recording, -3, 2)) == [0, 0, 0, 51, 52]
    assert counted(corpus.audio(recording, 58, 62)) == [109, 110, 0, 0]
    assert counted(corpus.audio(recording, -9, -7)) == [0, 0]
    assert counted(corpus.audio(recording, 60, 62)) == [0, 0]
    assert counted(corpus.audio(recording, 20, 10)) == []


def test_seconds_are_summed_over_a_split(ramps):
    corpus = ramps(16000, 16000, 1000)

    assert corpus.seconds() == 33_000 / 16_000
    assert sum(corpus.seconds(split) for split in ("train", "valid", "test")) == corpus.seconds()


def test_frames_are_those_beside_the_samples(ramps):
    corpus = ramps(64, 80, 90, hop=8)
    recordings = corpus.recordings()[:2]

    roll = corpus.condition(recordings, [16, -16], 32, ["roll"])["roll"]

    assert roll.rate == 16000 / 8
    assert roll.values.shape == (2, 2, 4)
    numbers = roll.values[:, 0] * 8 + roll.values[:, 1]
    assert numbers.tolist() == [[17, 25, 33, 41], [0, 0, 65, 73]]


def test_frames_past_the_end_are_zeros_and_the_last_may_be_half_covered(ramps):
    recording = (corpus := ramps(60, hop=8)).recordings()[0]

    values = corpus.condition([recording], [48], 41, ["roll"])["roll"].values

    assert (values[0, 0] * 8 + values[0, 1]).tolist() == [49, 57, 0, 0, 0, 0]


def test_frames_cannot_begin_between_two_of_them(ramps):
    recording = (corpus := ramps(64, hop=8)).recordings()[0]

    with pytest.raises(ValueError, match="must start at a multiple of 8: 12"):
        corpus.condition([recording], [12], 8, ["roll"])


def test_classes_are_given_by_number(tmp_path, write):
    for name in ("a/1.wav", "b/2.wav", "b/3.wav"):
        write(tmp_path / "in" / name, hertz=200 * int(name[2]))
    corpus = prepare(FolderSource(tmp_path / "in", labels="folders"), workers=1)

    track = corpus.condition(corpus.recordings(), [0, 0, 0], 10, ["label"])["label"]

    assert track.rate is None
    assert torch.equal(track.values, torch.tensor([0, 1, 1]))


@pytest.mark.parametrize(("name", "hint"), [("rolls", "did you mean 'roll'"), ("label", "roll")])
def test_a_track_that_is_not_there_is_refused(ramps, name, hint):
    corpus = ramps(64, hop=8)

    with pytest.raises(DataError, match=f"^the corpus 'ramps' has no track '{name}': .*{hint}"):
        corpus.condition(corpus.recordings(), [0], 8, [name])


def test_pickled_it_is_opened_anew(ramps):
    corpus = ramps(50)
    corpus.audio(corpus.recordings()[0])

    copy = pickle.loads(pickled := pickle.dumps(corpus))

    assert len(pickled) < 1000
    assert copy.recordings() == corpus.recordings()


def test_a_folder_here_comes_before_a_name(ramps, tmp_path, monkeypatch):
    ramps(50, out="here/songs")
    monkeypatch.chdir(tmp_path / "here")

    assert open_corpus("songs").path == tmp_path / "here" / "songs"


def test_the_home_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TYPICA_DATA", str(tmp_path / "x"))
    assert data_home() == tmp_path / "x"

    monkeypatch.delenv("TYPICA_DATA")
    assert data_home().parts[-2:] == ("typica", "data")


def test_a_misspelt_name_is_told_its_neighbour(ramps):
    ramps(50, out=str(data_home() / "my_album"))

    with pytest.raises(DataError, match=r"^there is no corpus 'my_albun' .*mean 'my_album'\?$"):
        open_corpus("my_albun")


def test_a_built_in_corpus_that_is_not_prepared_is_told_how(monkeypatch):
    monkeypatch.setattr("typica.data.corpora.names", lambda: ["chorales"])

    with pytest.raises(DataError, match="^chorales is not prepared yet: run `typica data prepare"):
        open_corpus("chorales")


def test_an_index_of_another_preparation_is_refused(ramps):
    corpus = ramps(50, 60, 70)
    index = corpus.path / INDEX
    index.write_text("".join(index.read_text().splitlines(keepends=True)[:2]))

    with pytest.raises(DataError, match="is not the one that was prepared: run `typica data"):
        open_corpus(corpus.path).recordings()


@pytest.mark.parametrize("damage", ["missing", "{"])
def test_a_damaged_index_is_told(ramps, damage):
    corpus = ramps(50)
    index = corpus.path / INDEX
    index.unlink() if damage == "missing" else index.write_text(damage)

    with pytest.raises(DataError, match="index.jsonl is missing or damaged: run `typica data"):
        open_corpus(corpus.path).recordings()


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_shard_is_told(ramps, damage):
    corpus = ramps(50)
    shard = next((corpus.path / "shards").glob("*.pcm"))
    shard.unlink() if damage == "missing" else shard.write_bytes(b"1234")

    with pytest.raises(DataError, match="(is missing or damaged|is cut short): run `typica data"):
        corpus.audio(corpus.recordings()[0])
