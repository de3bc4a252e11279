import numpy as np
import pytest
import soundfile

from typica.core.errors import DataError
from typica.data.reading import kind_of, read_abc, read_performance
from typica.score.midi import encode_midi
from typica.score.notes import Note, Notes

TUNE = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:D\ndefg|\n\nX:2\nM:3/4\nK:G\nGAB|\n"
MIDI = encode_midi(Notes.of([Note(60, 0.0, 1.0)]))


@pytest.mark.parametrize("name", ["a.mid", "a.MIDI", "no ending", "a.wav"])
def test_midi_is_told_by_its_first_bytes(tmp_path, name):
    (tmp_path / name).write_bytes(MIDI)

    assert kind_of(tmp_path / name) == "MIDI"
    assert read_performance(tmp_path / name).notes.pitch.tolist() == [60]


@pytest.mark.parametrize("name", ["a.abc", "tunes.txt", "no ending"])
def test_abc_is_told_by_the_header_of_a_tune(tmp_path, name):
    (tmp_path / name).write_text("% a book\n\n" + TUNE)

    assert kind_of(tmp_path / name) == "ABC"
    assert [tune.titles for tune in read_abc(tmp_path / name)] == [("A tune",), ()]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_sound_is_sound(tmp_path, name):
    soundfile.write(tmp_path / name, np.zeros(100), 8000)

    assert kind_of(tmp_path / name) == "sound"


def test_what_the_ending_promises_is_what_the_refusal_speaks_of(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"hello")
    (tmp_path / "a.abc").write_bytes(b"hello")

    assert (kind_of(tmp_path / "a.mid"), kind_of(tmp_path / "a.abc")) == ("MIDI", "ABC")
    with pytest.raises(DataError, match=r"cannot use .*a\.mid: not a MIDI file that can be read"):
        read_performance(tmp_path / "a.mid")
    with pytest.raises(DataError, match=r"cannot use .*a\.abc: it holds no tune"):
        read_abc(tmp_path / "a.abc")


@pytest.mark.parametrize("read", [kind_of, read_performance, read_abc])
def test_what_is_no_file_is_refused_in_a_sentence(tmp_path, read):
    (tmp_path / "empty").touch()

    for name, reason in (("none", "cannot be opened: no such file"), ("empty", "empty file")):
        with pytest.raises(DataError, match=f"cannot use .*{name}: {reason}"):
            read(tmp_path / name)
    with pytest.raises(DataError, match="it is a folder: name the files in it"):
        read(tmp_path)


def test_words_in_a_sound_file_make_no_tune_of_it(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    with (tmp_path / "a.wav").open("ab") as file:
        file.write(b"\n" + TUNE.encode())

    assert kind_of(tmp_path / "a.wav") == "sound"
