"""Systems stacked, through the commands that treat all systems alike."""

import json

import numpy as np
import pytest
import soundfile

SYSTEMS = ["hierarchical_wavenet", "bit_depth", "subscale_sound"]
RATE = 8000


@pytest.fixture(scope="module", params=SYSTEMS)
def stacked(request, tunes, tmp_path_factory):
    """The folder of an untrained run."""
    from typica.core import registry
    from typica.core.run import write_model

    corpus = tunes[1]
    model = registry.build(request.param, "tiny")
    folder = tmp_path_factory.mktemp("stacked") / request.param
    folder.mkdir()
    own = {"name": corpus.name, "path": str(corpus.path), "fingerprint": corpus.fingerprint}
    config = {"system": request.param, "preset": "tiny", "rate": RATE, "normalise": "peak"}
    write_model(folder, model, config | {"corpus": own, "model": model.config.to_dict()})
    return folder


def test_it_is_reported_on_beside_the_baselines(call, stacked, tmp_path):
    options = ("--seconds", 1, "--count", 1, "--sample-seconds", 0.1, "-o", tmp_path / "report")
    status, printed, _ = call("evaluate", stacked, *options, "--json")

    report = json.loads(printed)
    assert status == 0
    assert report["verdict"]["word"] == "undertrained"  # it knows nothing
    assert {"unigram", "first-order Markov"} <= {one["name"] for one in report["baselines"]}


def test_it_scores_recordings_and_finds_odd_ones_by_all_its_judges(call, stacked, tunes, tmp_path):
    status, printed, _ = call("score", stacked, tunes[0] / "0.wav")
    assert status == 0
    assert "levels" in printed
    assert ("a lower bound" in printed) == (stacked.name == "hierarchical_wavenet")

    status, printed, _ = call(
        *("detect", "fit", stacked, "--reference", tunes[0], "-o", tmp_path / "ear", "--window", 1)
    )
    assert status == 0
    assert "judges: likelihood, complexity, density of states" in printed


def test_a_stream_goes_on_from_its_state_as_if_it_had_never_stopped(call, stacked, tmp_path):
    parts, whole, state = tmp_path / "parts", tmp_path / "whole.wav", tmp_path / "state"
    parts.mkdir()
    common = ("stream", stacked, "--no-monitor")

    assert call(*common, "-o", whole, "--seconds", 0.008)[0] == 0
    first, second = parts / "1.wav", parts / "2.wav"
    assert call(*common, "-o", first, "--seconds", 0.005, "--save-state", state)[0] == 0
    assert call(*common, "-o", second, "--seconds", 0.003, "--state", state)[0] == 0

    heard = np.concatenate([soundfile.read(one)[0] for one in (first, second)])
    assert np.array_equal(heard, soundfile.read(whole)[0])
    assert len(np.unique(heard)) > 10


def test_it_goes_on_from_a_prompt(call, stacked, tunes, tmp_path):
    options = ("--seconds", 0.02, "--count", 1, "--prompt", tunes[0] / "0.wav", "-o", tmp_path)
    status, _, said = call("sample", stacked, *options)

    assert status == 0
    assert "the prompt ends at 3.00 s" in said
    (file,) = tmp_path.glob("*.wav")
    assert len(soundfile.read(file)[0]) == pytest.approx(3.02 * RATE, abs=1)
