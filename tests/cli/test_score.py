import json

import numpy as np
import pytest
import soundfile

RATE = 8000


def write(path, audio, rate=RATE):
    soundfile.write(path, np.asarray(audio, np.float32), rate, subtype="FLOAT")
    return path


@pytest.fixture
def noise(tmp_path):
    return write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(4000))


def test_a_model_that_knows_nothing_gives_every_recording_eight_bits(call, run, tunes, noise):
    status, out, _ = call("score", run, tunes[0] / "1.wav", noise)

    assert status == 0
    header, *rows, last = out.splitlines()
    assert header.split() == ["bits", "a", "sample", "log-likelihood,", "nats", "seconds", "file"]
    assert sorted(row.split()[0] for row in rows) == ["8.000", "8.000"]
    assert (
        last == "base measure: 8-bit mu-law levels; read at 8000 Hz, mono, scaled to the same peak"
    )


def test_the_likelihood_is_that_of_the_run_on_the_normalised_recording(call, make_run, noise):
    import torch

    import typica
    from typica.core.run import write_model

    folder = make_run("random")
    random = typica.load(folder, device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in random.model.parameters():
        parameter.data.normal_(std=0.3, generator=generator)
    write_model(folder, random.model, random.config)

    _, out, _ = call("score", folder, noise, "--json")

    audio, _ = soundfile.read(noise, dtype="float32")
    louder = np.rint(audio * (0.99 / np.abs(audio).max()) * 32768) / 32768
    louder = torch.from_numpy(louder.astype(np.float32))[None, None]
    expected = float(random.log_prob(louder))
    told = json.loads(out)["scores"][0]
    assert told["log_prob"] == pytest.approx(expected, rel=1e-4)
    assert told["bits"] == pytest.approx(-expected / 4000 / np.log(2), rel=1e-4)
    assert abs(told["bits"] - 8) > 0.1


def test_json_says_what_was_read_and_how(call, run, noise):
    status, out, _ = call("score", run, noise, "--json")

    told = json.loads(out)
    assert status == 0
    assert (told["measure"], told["density"]) == ("8-bit mu-law levels", "exact")
    assert (told["rate"], told["normalise"]) == (8000, "peak")
    assert told["scores"][0]["seconds"] == 0.5
    assert told["refused"] == {}


def test_another_sampling_rate_is_read_and_named(call, run, tmp_path):
    tone = write(tmp_path / "tone.wav", np.sin(np.arange(44100) / 20), rate=44100)

    _, out, _ = call("score", run, tone)

    assert f"{tone} (from 44100 Hz)" in out
    assert "    1.00  " in out


def test_files_that_cannot_be_used_are_named_and_the_others_scored(call, run, tmp_path, noise):
    bad = {
        "silent": write(tmp_path / "silent.wav", np.zeros(4000)),
        "empty file": tmp_path / "empty.wav",
        "too short": write(tmp_path / "short.wav", [0.5]),
        "values that are not finite numbers": write(tmp_path / "nan.wav", [0.1, np.nan] * 900),
        "not a sound file": tmp_path / "words.txt",
        "no such file": tmp_path / "nowhere.wav",
    }
    bad["empty file"].touch()
    bad["not a sound file"].write_text("no sound")

    status, out, err = call("score", run, *bad.values(), noise)

    assert status == 0
    assert str(noise) in out
    assert "silent.wav" not in out
    for reason, path in bad.items():
        assert any(str(path) in line and reason in line for line in err.splitlines()), reason


def test_if_no_file_can_be_used_the_status_says_so(call, run, tmp_path):
    silent = write(tmp_path / "silent.wav", np.zeros(4000))

    status, out, err = call("score", run, silent, tmp_path / "nowhere.wav")
    assert (status, out) == (2, "")
    assert "typica: none of the 2 files can be scored: the reasons are above" in err

    status, _, err = call("score", run, silent)
    assert status == 2
    assert f"typica: cannot use {silent}: silent" in err


def test_a_misspelt_run_is_refused_with_its_neighbours_name(call, run, noise, monkeypatch):
    monkeypatch.setenv("TYPICA_RUNS", str(run.parent))

    status, _, err = call("score", "tony", noise)

    assert status == 2
    assert "there is no run 'tony'" in err
    assert "did you mean 'tiny'?" in err


def test_a_run_that_is_told_frames_cannot_score_files(call, make_run, noise):
    told = make_run("told", local="roll", local_channels=4, hop=64)

    status, _, err = call("score", told, noise)

    assert status == 2
    assert "told is told roll beside the audio, which sound files do not hold" in err
