import errno
import fcntl
import json
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from typica.core.errors import ConfigError, DataError
from typica.core.files import DiskError
from typica.core.progress import Progress, Task
from typica.data import publish, shards
from typica.data.corpus import LOCK, data_home, open_corpus
from typica.data.folder import FolderSource
from typica.data.prepare import prepare
from typica.data.source import Item, TrackKind


class Heard(Progress):
    """Keeps what is said."""

    def __init__(self):
        self.sentences = []

    def say(self, sentence):
        self.sentences.append(sentence)


@pytest.fixture
def album(tmp_path, write):
    """Twelve recordings in a folder."""
    for number in range(12):
        write(tmp_path / "album" / f"{number:02d}.wav", hertz=200 + 10 * number)
    return tmp_path / "album"


@pytest.fixture
def opened(monkeypatch):
    """The names of the recordings that are opened, as they are opened."""
    names = []
    original = FolderSource.open

    def open_and_note(self, item):
        names.append(item.id)
        return original(self, item)

    monkeypatch.setattr(FolderSource, "open", open_and_note)
    return names


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_corpus_is_found_by_its_name_and_says_what_it_is(album):
    prepare(FolderSource(album, licence="CC0-1.0"), "songs", workers=1)

    corpus = open_corpus("songs")

    assert (corpus.name, corpus.licence, corpus.rate) == ("songs", "CC0-1.0", 16000)
    assert corpus.info["source"] == str(album)
    assert len(corpus.recordings()) == corpus.info["recordings"] == 12
    assert corpus.seconds() == corpus.info["seconds"] == pytest.approx(12)


def test_without_a_name_it_is_called_after_the_folder(album):
    prepare(FolderSource(album), workers=1)

    assert open_corpus("album").name == "album"


def test_a_path_puts_it_where_the_user_says(album, tmp_path):
    corpus = prepare(FolderSource(album), tmp_path / "deep" / "er", workers=1)

    assert corpus.path == tmp_path / "deep" / "er"
    assert open_corpus(str(corpus.path)).name == "er"


def test_each_split_has_recordings_of_its_own(album):
    corpus = prepare(FolderSource(album), workers=1)

    names = {
        split: {one.id for one in corpus.recordings(split)} for split in ("train", "valid", "test")
    }

    assert [len(names[split]) for split in names] == [10, 1, 1]
    assert len(set.union(*names.values())) == 12


def test_the_same_folder_gives_the_same_corpus_whoever_reads_it(album, tmp_path):
    one = prepare(FolderSource(album), tmp_path / "one", workers=1)
    two = prepare(FolderSource(album), tmp_path / "two", workers=2)

    assert one.fingerprint == two.fingerprint
    assert one.recordings() == two.recordings()
    assert {p.name: data for p, data in files(one.path / "shards").items()} == {
        p.name: data for p, data in files(two.path / "shards").items()
    }


@pytest.mark.parametrize("changed", [{"rate": 8000}, {"normalise": "none"}])
def test_other_settings_have_another_fingerprint(album, tmp_path, changed):
    plain = prepare(FolderSource(album), tmp_path / "one", workers=1)
    other = prepare(FolderSource(album), tmp_path / "two", workers=1, **changed)

    assert plain.fingerprint != other.fingerprint


def test_prepared_again_it_reads_nothing(album, opened):
    first = prepare(FolderSource(album), workers=1)
    opened.clear()

    again = prepare(FolderSource(album), workers=1)

    assert opened == []
    assert again.fingerprint == first.fingerprint


def test_an_added_file_costs_only_its_own_unit(album, write, opened, monkeypatch):
    monkeypatch.setattr("typica.data.units.UNIT_BYTES", 1)  # each file is a unit
    prepare(FolderSource(album), workers=1)
    opened.clear()

    write(album / "05-b.wav", hertz=999)
    corpus = prepare(FolderSource(album), workers=1)

    assert opened == ["05-b.wav"]
    assert len(corpus.recordings()) == 13


def test_what_is_no_longer_used_is_removed(album, monkeypatch):
    monkeypatch.setattr("typica.data.units.UNIT_BYTES", 1)
    corpus = prepare(FolderSource(album), workers=1)
    (album / "00.wav").unlink()

    again = prepare(FolderSource(album), workers=1)

    assert len(list((again.path / "shards").glob("*.pcm"))) == 11
    assert again.fingerprint != corpus.fingerprint


def test_a_damaged_shard_is_written_again(album):
    corpus = prepare(FolderSource(album), workers=1)
    shard = next((corpus.path / "shards").glob("*.pcm"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[:100])

    prepare(FolderSource(album), workers=1)

    assert shard.read_bytes() == whole


def test_what_was_refused_is_tried_again_once_it_is_mended(album, write):
    (album / "new.wav").write_bytes(b"nothing")
    prepare(FolderSource(album), workers=1)
    write(album / "new.wav", hertz=777)

    corpus = prepare(FolderSource(album), workers=1)

    assert "new.wav" in {one.id for one in corpus.recordings()}


def test_a_sound_that_comes_twice_is_kept_once(album, write):
    heard = Heard()
    samples, rate = soundfile.read(album / "00.wav", dtype="int16")
    soundfile.write(album / "copy.flac", samples, rate)

    corpus = prepare(FolderSource(album), workers=1, progress=heard)

    assert len(corpus.recordings()) == 12
    said = "left out 1: copy.flac (repeated: the same sound as 00.wav); all are in refused.jsonl"
    assert said in heard.sentences


def test_refused_files_are_listed_with_their_reasons(album):
    (album / "cover.jpg").write_bytes(b"no sound")

    corpus = prepare(FolderSource(album), workers=1)

    lines = (corpus.path / "refused.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": "cover.jpg", "reason": "not a sound file"}
    ]


def test_folders_name_the_classes_in_alphabetical_order(tmp_path, write):
    names = ["snare", "kick", "odd ${x} \\${y}: é", "clap", "hat", "tom"]
    for number, name in enumerate(names):
        write(tmp_path / "drums" / name / "a.wav", hertz=200 + 100 * number)

    corpus = prepare(FolderSource(tmp_path / "drums", labels="folders"), workers=1)

    assert corpus.labels == sorted(names)
    for recording in corpus.recordings():
        assert recording.id == f"{corpus.labels[recording.label]}/a.wav"


def test_a_single_recording_makes_a_corpus_and_a_warning(tmp_path, write):
    write(tmp_path / "one" / "a.wav")
    heard = Heard()

    corpus = prepare(FolderSource(tmp_path / "one"), workers=1, progress=heard)

    assert [one.split for one in corpus.recordings()] == ["train"]
    assert any("only one recording, so nothing is held out" in said for said in heard.sentences)


def test_progress_comes_to_its_total(album, write, monkeypatch):
    monkeypatch.setattr("typica.data.units.UNIT_BYTES", 1)
    prepare(FolderSource(album), workers=1)
    write(album / "new.wav", hertz=777)  # the others are done already
    steps = []

    class Counting(Progress):
        @contextmanager
        def task(self, what, total=None, unit=""):
            task = Task()
            task.advance = steps.append
            yield task
            assert sum(steps) == total == 13

    prepare(FolderSource(album), workers=1, progress=Counting())

    assert steps == [12, 1]


def test_a_full_disk_leaves_an_earlier_corpus_as_it_was(album, write, monkeypatch):
    corpus = prepare(FolderSource(album), workers=1)
    before = files(corpus.path)
    write(album / "new.wav", hertz=777)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards._Shard, "_write", full)
    with pytest.raises(DiskError, match="^cannot write .*: no space left on device; nothing"):
        prepare(FolderSource(album), workers=1)

    assert files(corpus.path) == before
    assert open_corpus("album").fingerprint == corpus.fingerprint


def test_a_full_disk_at_the_last_moment_leaves_it_too(album, write, monkeypatch):
    corpus = prepare(FolderSource(album), workers=1)
    write(album / "new.wav", hertz=777)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(publish, "write_yaml", full)
    with pytest.raises(DiskError, match=r"corpus.yaml: no space left on device"):
        prepare(FolderSource(album), workers=1)

    assert len(open_corpus("album").recordings()) == 12
    assert open_corpus("album").fingerprint == corpus.fingerprint


def test_two_processes_do_not_prepare_the_same_corpus(album):
    corpus = prepare(FolderSource(album), workers=1)
    with (corpus.path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(DataError, match="is being prepared by another process"):
            prepare(FolderSource(album), workers=1)


def test_a_folder_that_holds_other_things_is_left_alone(album, tmp_path):
    with pytest.raises(DataError, match=r"album holds other things: choose a new name with -o$"):
        prepare(FolderSource(album), album, workers=1)
    with pytest.raises(DataError, match=r"00.wav is a file: choose another name with -o$"):
        prepare(FolderSource(album), album / "00.wav", workers=1)


def test_a_corpus_may_lie_in_the_folder_it_is_made_of(album):
    first = prepare(FolderSource(album), album / "prepared", workers=1)
    again = prepare(FolderSource(album), album / "prepared", workers=1)

    assert again.fingerprint == first.fingerprint
    assert (album / "prepared" / "refused.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rate": 10}, "--rate must be from 1000 to 768000 hertz, got 10"),
        ({"normalise": "loud"}, "--normalise must be peak or none, got 'loud'"),
        ({"minimum_s": -1}, "--minimum-seconds cannot be negative, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(album, settings, sentence):
    with pytest.raises(ConfigError, match=f"^{sentence}$"):
        prepare(FolderSource(album), workers=1, **settings)


def test_a_rate_must_hold_whole_frames(memory):
    source = memory({"a": np.ones(9000)})
    source.track_kinds = {"roll": TrackKind(4, 125.0)}

    sentence = "^--rate must be a multiple of 125, the frames a second of the track 'roll' of"
    with pytest.raises(ConfigError, match=sentence):
        prepare(source, rate=22_050, workers=1)


def test_items_are_taken_in_order_whatever_order_they_come_in(memory, tmp_path):
    noise = np.random.default_rng(0).uniform(-1, 1, (3, 9000))
    source = memory(dict(zip("cab", noise, strict=True)))

    corpus = prepare(source, tmp_path / "x", workers=1)

    assert [one.id for one in corpus.recordings()] == ["a", "b", "c"]
    assert source.items()[0] == Item("c", 1000, "1")


def test_a_corpus_is_never_put_in_the_place_of_another(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        tone = 0.5 * np.sin(np.arange(8000) / 9)
        soundfile.write(tmp_path / name / "x.wav", tone, 8000)
    place = tmp_path / "corpus"
    prepare(FolderSource(tmp_path / "a"), place, rate=8000, workers=1)

    with pytest.raises(DataError, match="holds a corpus made from .* choose another name with -o"):
        prepare(FolderSource(tmp_path / "b"), place, rate=8000, workers=1)
    with pytest.raises(DataError, match="at 8000 Hz, normalise peak; this is .* at 4000 Hz"):
        prepare(FolderSource(tmp_path / "a"), place, rate=4000, workers=1)


@pytest.mark.parametrize("out", ["./here", "here/", "./here/", "../here"])
def test_a_text_with_a_separator_is_a_path_and_no_name(album, tmp_path, monkeypatch, out):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")

    corpus = prepare(FolderSource(album), out, workers=1)

    assert corpus.path.resolve() == (tmp_path / "inner" / out).resolve()


def test_a_name_may_begin_with_a_dot(album):
    assert prepare(FolderSource(album), ".hidden", workers=1).path == data_home() / ".hidden"


def test_what_cannot_be_used_leaves_no_folder_behind(tmp_path, write):
    write(tmp_path / "silent" / "a.wav", level=0)
    (tmp_path / "mine").mkdir()

    for out in ("new", "mine"):
        with pytest.raises(DataError, match="no recording of silent can be used"):
            prepare(FolderSource(tmp_path / "silent"), tmp_path / out, workers=1)

    assert not (tmp_path / "new").exists()
    assert (tmp_path / "mine").is_dir()  # it was there before


def test_what_was_prepared_before_a_failure_is_kept(album, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(publish, "write_yaml", full)
    with pytest.raises(DiskError):
        prepare(FolderSource(album), tmp_path / "new", workers=1)

    assert list((tmp_path / "new" / "shards").glob("*.pcm"))
