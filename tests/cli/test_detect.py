import csv
import io
import json
import shutil

import numpy as np
import pytest
import soundfile

RATE = 8000


def write(path, audio):
    soundfile.write(path, np.asarray(audio, np.float32), RATE, subtype="FLOAT")
    return path


def melody(hertz, seconds=3):
    time = np.arange(RATE) / RATE
    notes = [np.sin(2 * np.pi * hertz * k * time) * np.exp(-3 * time) for k in (1, 1.25, 1.5)]
    return 0.3 * np.concatenate(notes)[: int(seconds * RATE)]


@pytest.fixture(scope="module")
def perturbed(make_run):
    """A run whose model has opinions, if no good ones."""
    import torch

    import typica
    from typica.core.run import write_model

    folder = make_run("perturbed")
    opened = typica.load(folder, device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in opened.model.parameters():
        parameter.data.normal_(std=0.2, generator=generator)
    write_model(folder, opened.model, opened.config)
    return folder


@pytest.fixture(scope="module")
def detector(perturbed, tunes, tmp_path_factory):
    from typica.actions.detect_fit import detect_fit

    out = tmp_path_factory.mktemp("detectors") / "detector"
    detect_fit(perturbed, tunes[0], out, window_s=0.25, device="cpu")
    return out


@pytest.fixture
def odd(tmp_path):
    """A folder with a usual recording, noise, silence, and a melody with noise in its middle."""
    folder = tmp_path / "new"
    folder.mkdir()
    rng = np.random.default_rng(0)
    write(folder / "usual.wav", melody(290))
    write(folder / "noise.wav", rng.uniform(-1, 1, 2 * RATE))
    write(folder / "silence.wav", np.zeros(RATE))
    spoilt = melody(330, seconds=1.5)
    spoilt[RATE : RATE + RATE // 4] = rng.uniform(-1, 1, RATE // 4)
    write(folder / "spoilt.wav", spoilt)
    return folder


def by_name(out):
    return {row["file"].rsplit("/", 1)[-1]: row for row in map(json.loads, out.splitlines())}


def test_fitting_tells_what_was_heard(call, perturbed, tunes, tmp_path):
    out = tmp_path / "made"
    status, printed, said = call(
        "detect", "fit", perturbed, "--reference", tunes[0], "-o", out, "--window", 0.25
    )

    assert status == 0
    assert "the reference holds 10 recordings: windows of one recording resemble" in said
    assert "heard 10 recordings, 0.5 minutes in 120 windows; left out 0" in printed
    assert "smallest p-value: 0.0083 of a single window, 0.091 of recordings of 3 s" in printed
    assert "judges: likelihood, martingale, complexity, density of states" in printed
    assert {path.name for path in out.iterdir()} == {
        "detector.json",
        "reference.safetensors",
        "model",
    }


def test_odd_recordings_are_found_and_usual_ones_are_not(call, detector, odd):
    status, out, err = call("detect", "score", detector, odd, "--alpha", 0.1, "--json")

    found = by_name(out)
    assert status == 0
    assert {name for name, row in found.items() if row["odd"]} >= {"noise.wav", "silence.wav"}
    assert not found["usual.wav"]["odd"]
    assert "hearing recordings" in err


def test_the_place_of_the_noise_is_told(call, detector, odd):
    _, out, _ = call("detect", "score", detector, odd / "spoilt.wav", "--alpha", 0.1, "--json")

    (row,) = map(json.loads, out.splitlines())
    assert row["odd"]
    spans = [(place["start_s"], place["stop_s"]) for place in row["places"]]
    assert any(start <= 1.0 and stop >= 1.25 for start, stop in spans)
    assert sum(stop - start for start, stop in spans) < 1.25  # of 1.5: not all is odd


def test_words_csv_and_json_say_the_same(call, detector, odd):
    arguments = ("detect", "score", detector, odd, "--alpha", 0.1)
    _, words, _ = call(*arguments)
    _, table, _ = call(*arguments, "--csv")
    _, lines, _ = call(*arguments, "--json")

    found = by_name(lines)
    rows = {row["file"].rsplit("/", 1)[-1]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows.keys() == found.keys()
    for name, row in rows.items():
        assert float(row["p_value"]) == found[name]["p_value"]
        assert row["odd"] == str(found[name]["odd"])
    count = sum(row["odd"] for row in found.values())
    assert words.splitlines()[-1] == f"{count} of 4 odd"
    assert "oddest at" in words
    assert sum(line.startswith("ODD") for line in words.splitlines()) == count


def test_odd_recordings_are_drawn(call, detector, odd, tmp_path):
    from PIL import Image

    _, out, _ = call(
        *("detect", "score", detector, odd, "--alpha", 0.1, "--json"), "--plots", tmp_path / "plots"
    )

    found = by_name(out)
    assert found["usual.wav"]["plot"] is None
    picture = np.asarray(Image.open(found["noise.wav"]["plot"]).convert("L"))
    assert picture.std() > 20
    assert len(list((tmp_path / "plots").iterdir())) == sum(row["odd"] for row in found.values())


def test_the_order_of_files_and_what_else_is_scored_change_nothing(call, detector, odd):
    _, together, _ = call("detect", "score", detector, odd, "--json")
    _, alone, _ = call("detect", "score", detector, odd / "spoilt.wav", "--json")

    assert by_name(together)["spoilt.wav"] == by_name(alone)["spoilt.wav"]


def test_a_detector_works_elsewhere_without_its_run(call, detector, odd, tmp_path):
    moved = shutil.copytree(detector, tmp_path / "moved")
    _, here, _ = call("detect", "score", detector, odd / "noise.wav", "--json")
    _, there, _ = call("detect", "score", moved, odd / "noise.wav", "--json")

    assert here == there


def test_files_that_cannot_be_used_are_told_and_left_out(call, detector, odd):
    (odd / "notes.txt").write_text("no sound")
    write(odd / "short.wav", np.ones(100))

    status, out, err = call("detect", "score", detector, odd, "--json")

    assert status == 0
    assert len(out.splitlines()) == 4
    assert "notes.txt: not a sound file" in err
    assert "short.wav: too short: 0.0125 s, less than 0.0625 s" in err


def test_a_reference_too_small_for_alpha_is_told(call, detector, odd):
    _, _, err = call("detect", "score", detector, odd / "usual.wav", "--alpha", 0.001)
    assert "the reference is too small for alpha = 0.001: no p-value can be below" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "{odd}", "{odd}"], "is no detector: make one with `typica detect fit`"),
        (["score", "{detector}", "{odd}", "--alpha", "1"], "alpha must lie between 0 and 1, got 1"),
        (["score", "{detector}", "{odd}", "--json", "--csv"], "exclude each other"),
        (["score", "{detector}", "missing.wav"], "none of the 1 files can be used"),
        (["fit", "{run}", "--reference", "nowhere", "-o", "x"], "there is no folder"),
        (["fit", "{run}", "--reference", "{odd}", "-o", "x"], "at least 20 are needed"),
        (["fit", "nothing", "--reference", "{odd}", "-o", "x"], "there is no run 'nothing'"),
    ],
)
def test_bad_input_is_met_with_one_sentence(call, perturbed, detector, odd, arguments, message):
    places = {"{odd}": odd, "{detector}": detector, "{run}": perturbed}

    status, out, err = call("detect", *(places.get(word, word) for word in arguments))

    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert not out


def test_a_damaged_reference_is_refused(call, detector, odd, tmp_path):
    broken = shutil.copytree(detector, tmp_path / "broken")
    data = bytearray((broken / "reference.safetensors").read_bytes())
    data[-1] ^= 1
    (broken / "reference.safetensors").write_bytes(data)

    status, _, err = call("detect", "score", broken, odd)

    assert status == 2
    assert "reference.safetensors is missing or damaged" in err


def test_places_end_with_the_recording(call, detector, tmp_path):
    write(tmp_path / "brief.wav", np.random.default_rng(0).uniform(-1, 1, 3000))

    _, out, _ = call("detect", "score", detector, tmp_path / "brief.wav", "--json")

    (row,) = map(json.loads, out.splitlines())
    assert row["seconds"] == 0.375
    assert row["oddest"]["stop_s"] <= 0.375


def test_a_detector_without_its_model_is_told_to_be_incomplete(call, detector, odd, tmp_path):
    broken = shutil.copytree(detector, tmp_path / "broken")
    shutil.rmtree(broken / "model")

    status, _, err = call("detect", "score", broken, odd)

    assert status == 2
    assert "model is missing or damaged: copy the whole folder again" in err


def test_a_conditioned_run_is_refused(call, make_run, tunes, tmp_path):
    labelled = make_run("labelled", labels=2)
    status, _, err = call("detect", "fit", labelled, "--reference", tunes[0], "-o", tmp_path / "d")

    assert status == 2
    assert "is told label: a detector needs an unconditional run" in err
