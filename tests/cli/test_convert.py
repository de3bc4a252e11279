import json

import numpy as np
import pytest
import soundfile


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(4000) / 9), 8000, subtype="PCM_16")
    return path


def test_what_was_written_is_printed_and_what_is_lost_is_said(call, sound, tmp_path):
    target = tmp_path / "a.flac"

    status, out, err = call("convert", sound, target)

    assert (status, out) == (0, f"{target}\n")
    assert err == "exact: nothing is lost: a.flac holds 4000 samples, bit for bit\n"


def test_json_tells_all_of_it(call, sound, tmp_path):
    status, out, err = call("convert", sound, tmp_path / "b.wav", "--bits", "8", "--json")

    told = json.loads(out)
    assert status == 0
    assert told["exact"] is False
    assert told["told"] == err.strip()
    assert told["told"].startswith("lost: what is finer than 8-bit samples (signal-to-noise ratio")
    assert 40 < told["figures"]["signal_to_noise_db"] < 50


def test_an_archive_goes_there_and_back(call, sound, tmp_path):
    arguments = ("--as", "mel", "--bands", "20", "--window", "512", "--hop", "128")
    call("convert", sound, tmp_path / "a.npz", *arguments)

    status, _, err = call("convert", tmp_path / "a.npz", tmp_path / "b.wav", "--iterations", "5")

    assert status == 0
    assert "5 iterations of Griffin-Lim" in err
    assert np.load(tmp_path / "a.npz")["code"].shape == (1, 20, 32)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a.wav", "is the file that is read"), ("old.wav", "--force"), ("a.abc", "goes by MIDI")]
    + [("a.xyz", "names no kind of file")],
)
def test_refusals_are_one_line(call, sound, tmp_path, name, reason):
    (tmp_path / "old.wav").write_bytes(b"kept")

    status, out, err = call("convert", sound, tmp_path / name)

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert reason in err
    assert (tmp_path / "old.wav").read_bytes() == b"kept"


def test_force_replaces_what_is_there(call, sound, tmp_path):
    (tmp_path / "old.wav").write_bytes(b"gone")

    status, _, _ = call("convert", sound, tmp_path / "old.wav", "--force")

    assert status == 0
    assert soundfile.info(tmp_path / "old.wav").frames == 4000


def test_help_shows_examples(call):
    status, out, _ = call("convert", "--help")

    assert status == 0
    assert "typica convert song.wav song.npz --as mel" in out


def test_a_reason_is_one_line_whatever_a_file_is_called(call, tmp_path):
    (tmp_path / "two\nlines.wav").write_text("no sound")

    status, _, err = call("convert", tmp_path / "two\nlines.wav", tmp_path / "a.npz")

    assert status == 2
    assert len(err.splitlines()) == 1
    assert "two lines.wav: broken sound file" in err
