import json
import sys

import numpy as np
import pytest
import soundfile

from typica.score.midi import encode_midi
from typica.score.notes import Note, Notes

pytest.importorskip("matplotlib")

RATE = 8000


@pytest.fixture
def tone(tmp_path):
    time = np.arange(2 * RATE) / RATE
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 220 * time), RATE)
    return tmp_path / "tone.wav"


@pytest.fixture
def tune(tmp_path):
    rows = [Note(60, 0.0, 1.0, 70), Note(64, 1.0, 2.0, 90), Note(36, 0.5, 0.6, 100, 9)]
    (tmp_path / "tune.mid").write_bytes(encode_midi(Notes.of(rows)))
    return tmp_path / "tune.mid"


def refuse_constants(name):
    raise AssertionError(f"{name} is no JSON")


def test_the_picture_is_printed_and_what_it_shows_is_said(call, tone, tmp_path):
    status, out, err = call(
        *("look", tone, "--start", 0.5, "--seconds", 1, "--panels", "waveform, pitch"),
        *("-o", tmp_path / "a.svg"),
    )

    assert (status, out) == (0, f"{tmp_path / 'a.svg'}\n")
    assert f"{tone}: 0.5 to 1.5 s of 2 s" in err
    assert "8000 Hz" in err
    text = (tmp_path / "a.svg").read_text()
    assert "Waveform" in text
    assert "Magnitude" not in text


def test_without_a_place_the_picture_stands_where_you_do(call, tune, tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)

    status, out, _ = call("look", tune)

    assert (status, out) == (0, "tune.mid.png\n")
    assert (place / "tune.mid.png").read_bytes().startswith(b"\x89PNG")


def test_json_has_the_facts_of_each_file(call, tone, tune, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    status, out, _ = call(
        *("look", tone, tune, tmp_path / "silence.wav", tmp_path / "none.wav"),
        *("--json", "-o", tmp_path / "out", "--panels", "waveform", "--format", "svg"),
    )

    told = json.loads(out, parse_constant=refuse_constants)
    sound, score, silence = told["looks"]
    assert status == 0
    assert (sound["kind"], sound["rate"], sound["duration_s"]) == ("sound", RATE, 2)
    assert sound["peak"] == pytest.approx(0.5, abs=1e-3)
    assert sound["pitch_name"] == "A3"
    assert sound["pitch_hz"] == pytest.approx(220, rel=0.01)
    assert (score["kind"], score["notes"], score["drum_strokes"]) == ("MIDI", 3, 1)
    assert score["voices"][0]["name"] == "acoustic grand piano"
    assert (silence["level_db"], silence["lufs"], silence["pitch_hz"]) == (None, None, None)
    assert "no such file" in told["refused"][str(tmp_path / "none.wav")]
    names = [f"{name}.svg" for name in ("tone.wav", "tune.mid", "silence.wav")]
    assert [one["figure"] for one in told["looks"]] == [str(tmp_path / "out" / n) for n in names]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--panels", "melody"), "there is no panel 'melody': did you mean 'mel'?"),
        (("--panels", "wavform"), "did you mean 'waveform'?"),
        (("--start", 5), "nothing sounds at 5 s and after: it lasts 2.00 s"),
        (("--seconds", 300), "choose a stretch with --start and --seconds"),
        (("-o", "a.png", "--format", "pdf"), "a.png cannot be a pdf"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, tone, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    status, out, err = call("look", tone, *options)

    assert (status, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.glob("*.p*"))


def test_without_matplotlib_it_says_what_to_install(call, tone, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    status, _, err = call("look", tone)

    assert status == 2
    assert err == "typica: a picture needs matplotlib: pip install 'typica[plot]'\n"


def test_help_shows_how(call):
    status, out, _ = call("look", "--help")

    assert status == 0
    for words in ("typica look riff.wav", "--panels", "constant-q", "--tune"):
        assert words in out
