"""What a user may give that cannot be prepared, and the sentence that tells it."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from typica.actions.prepare_data import prepare_data
from typica.core.errors import ConfigError, DataError
from typica.core.files import DiskError
from typica.data.corpus import read_lines


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    return folder


def refused(folder, **settings):
    """Prepare a folder and return the reasons for what was refused, by file."""
    corpus = prepare_data(folder, workers=1, **settings)
    return {line["file"]: line["reason"] for line in read_lines(corpus.path / "refused.jsonl")}


def why_nothing(folder, **settings):
    """Prepare a folder in which nothing can be used and return the sentence."""
    with pytest.raises(DataError) as error:
        prepare_data(folder, workers=1, **settings)
    return str(error.value)


def test_a_missing_folder(tmp_path):
    sentence = f"there is no folder {tmp_path / 'albun'}"
    assert why_nothing(tmp_path / "albun") == sentence


def test_a_misspelt_built_in_corpus(monkeypatch):
    monkeypatch.setattr("typica.data.corpora.names", lambda: ["chorales"])

    assert why_nothing("choral") == (
        "there is no folder 'choral' here, and no such corpus: did you mean 'chorales'?"
    )


def test_a_file_instead_of_a_folder(album, write):
    song = write(album / "song.wav")

    assert why_nothing(song) == f"{song} is a file: name the folder that it lies in"


def test_an_empty_folder(album):
    assert why_nothing(album) == f"the folder {album} is empty: put recordings into it"


def test_settings_of_a_folder_for_a_built_in_corpus(monkeypatch):
    monkeypatch.setattr("typica.data.corpora.names", lambda: ["chorales"])

    with pytest.raises(ConfigError, match="^--licence and --labels are for folders; 'chorales'"):
        prepare_data("chorales", licence="CC0-1.0")


def test_one_broken_file_among_good_ones(album, write):
    for number in range(4):
        write(album / f"{number}.flac", hertz=300 + number)
    noise = np.random.default_rng(0).uniform(-1, 1, 16000 * 9)
    soundfile.write(album / "broken.flac", noise, 16000)
    whole = (album / "broken.flac").read_bytes()
    (album / "broken.flac").write_bytes(whole[: len(whole) // 2])

    reasons = refused(album)

    assert list(reasons) == ["broken.flac"]
    assert reasons["broken.flac"].startswith("broken sound file: it cannot be decoded after ")


def test_files_that_cannot_be_used_are_each_given_their_reason(album, write):
    write(album / "good.wav")
    write(album / "short.wav", seconds=0.1)
    write(album / "silent.wav", level=0)
    soundfile.write(album / "one.wav", [0.5], 16000)
    soundfile.write(album / "header.wav", [], 16000)
    soundfile.write(album / "nan.wav", np.r_[np.zeros(9000), np.nan], 16000, subtype="FLOAT")
    (album / "zero.wav").touch()
    (album / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (album / "notes.txt").write_text("remember the milk")

    assert refused(album) == {
        "cover.jpg": "not a sound file",
        "header.wav": "too short: 0 s, less than 0.5 s",
        "nan.wav": "holds values that are not finite numbers",
        "notes.txt": "not a sound file",
        "one.wav": "too short: 6.25e-05 s, less than 0.5 s",
        "short.wav": "too short: 0.1 s, less than 0.5 s",
        "silent.wav": "silent",
        "zero.wav": "empty file",
    }


def test_odd_names(album, write):
    names = ["a b.wav", "é ☃ 音.flac", "-o.wav", "${x}.wav", "x\ny.wav", 'q"uote.wav', "UP.WAV"]
    for number, name in enumerate(names):
        write(album / name, hertz=300 + 10 * number)
    write(album / "z.wav").rename(Path(os.fsdecode(os.fsencode(album) + b"/\xff.wav")))

    corpus = prepare_data(album, workers=1)

    assert sorted(one.id for one in corpus.recordings()) == sorted([*names, "\udcff.wav"])


@pytest.fixture
def nobody():
    """A folder under which the rights of files count, which for root they do not."""
    folder = Path(tempfile.mkdtemp(prefix="typica-test-"))
    folder.chmod(0o777)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    for path in folder.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_files_and_folders_that_may_not_be_read(nobody, write):
    for number, name in enumerate(("good.wav", "locked.wav", "shut/a.wav", "listed/a.wav")):
        write(nobody / "album" / name, hertz=300 + 10 * number)
    (nobody / "album" / "locked.wav").chmod(0)
    (nobody / "album" / "shut").chmod(0)
    (nobody / "album" / "listed").chmod(0o400)  # its names may be seen, its files not

    denied = "cannot be opened: permission denied"
    assert refused(nobody / "album", out=nobody / "corpus") == {
        "listed/a.wav": denied,
        "locked.wav": denied,
        "shut": denied,
    }


def test_a_file_that_may_be_read_again(nobody, write):
    for number, name in enumerate(("good.wav", "locked.wav")):
        write(nobody / "album" / name, hertz=300 + 10 * number)
    (nobody / "album" / "locked.wav").chmod(0)
    refused(nobody / "album", out=nobody / "corpus")
    (nobody / "album" / "locked.wav").chmod(0o600)

    assert refused(nobody / "album", out=nobody / "corpus") == {}


def test_a_folder_that_may_not_be_read(nobody, write):
    write(nobody / "album" / "a.wav")
    (nobody / "album").chmod(0)

    sentence = f"the folder {nobody / 'album'} cannot be opened: permission denied"
    assert why_nothing(nobody / "album", out=nobody / "corpus") == sentence


def test_a_place_that_may_not_be_written(nobody, write):
    write(nobody / "album" / "a.wav")
    (nobody / "shut").mkdir(mode=0o500)

    with pytest.raises(DiskError, match="^cannot write .*shut/corpus: permission denied$"):
        prepare_data(nobody / "album", nobody / "shut" / "corpus", workers=1)


def test_nothing_that_can_be_used_among_few_files(album, write):
    write(album / "silent.wav", level=0)
    (album / "cover.jpg").write_bytes(b"no sound")

    assert why_nothing(album) == (
        "no recording of album can be used: cover.jpg (not a sound file); silent.wav (silent)"
    )


def test_nothing_that_can_be_used_among_many_files(album, write):
    for number in range(30):
        (album / f"{number:02d}.jpg").write_bytes(b"no sound")
    for seconds in (0.1, 0.2):
        write(album / f"short {seconds}.wav", seconds=seconds)

    assert why_nothing(album) == (
        "no recording of album can be used: "
        "not a sound file (30 files, such as 00.jpg, 01.jpg, 02.jpg); "
        "too short (short 0.1.wav, short 0.2.wav)"
    )


def test_a_recording_of_thirty_minutes(album):
    piece = np.random.default_rng(0).integers(-9000, 9000, 8000 * 60, np.int16)
    with soundfile.SoundFile(album / "long.wav", "w", 8000, 1) as file:
        for _ in range(30):
            file.write(piece)

    corpus = prepare_data(album, workers=1)

    assert corpus.seconds() == 1800
    assert corpus.audio(corpus.recordings()[0], 1799 * 16000).abs().max() > 0.1
