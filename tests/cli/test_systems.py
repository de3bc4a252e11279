"""typica systems and typica env: what there is."""

import json
from pathlib import Path

import pytest

from typica.actions import env as env_action
from typica.core import registry


def test_every_system_is_listed_with_what_it_can(call):
    status, printed, _ = call("systems", "--json")

    assert status == 0
    listed = {system["name"]: system for system in json.loads(printed)}
    assert sorted(listed) == registry.names()
    assert listed["wavenet"] == {
        "name": "wavenet",
        "family": "autoregressive",
        "summary": "WaveNet: an autoregressive model of audio, by dilated causal convolutions.",
        "models": "audio",
        "density": "exact",
        "conditioning": ["sparse", "dense"],
        "sampling": "sample by sample",
        "presets": registry.presets("wavenet"),
    }


def test_a_system_of_images_is_not_trained_on_recordings(call):
    for command in ("train", "plan"):
        status, _, err = call(command, "vae", "--data", "nowhere", "--preset", "tiny")
        assert status == 2
    assert "vae models images and corpora hold audio: train bit_depth, " in err
    assert "wavenet, or train it on images in Python" in err


def test_the_readme_s_table_of_systems_is_true():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for name, family in registry.families().items():
        assert f"| [{name}](src/typica/systems/{family}/{name}.py) | {family} |" in readme


@pytest.mark.parametrize("name", registry.names())
def test_a_system_is_explained_with_all_that_its_presets_set(call, name):
    status, printed, _ = call("systems", name, "--json")

    told = json.loads(printed)
    assert status == 0
    assert all(told["presets"].values())
    names = {setting["name"] for setting in told["settings"]}
    for preset in registry.presets(name):
        tables = registry.preset(name, preset)
        shown = {key: tables.get(key, {}) for key in ("model", "data", "training", "sampling")}
        assert {f"{key}.{one}" for key, table in shown.items() for one in table} <= names
    assert f"{told['phases'][0]}.learning_rate" in names


def test_an_explanation_is_read_at_a_terminal(call):
    status, printed, _ = call("systems", "hierarchical_wavenet")

    assert status == 0
    assert "Dieleman et al., 2018" in printed
    assert "prior have tables like it" in printed
    assert '{"system": "wavenet"}' in printed


def test_a_system_that_does_not_exist_is_not_explained(call):
    status, _, err = call("systems", "wavenett")
    assert status == 2
    assert "did you mean 'wavenet'?" in err


def test_the_guide_speaks_of_every_system_of_sound():
    guide = (Path(__file__).parents[2] / "docs/systems.md").read_text()
    sound = [name for name in registry.names() if registry.find(name).example == "audio"]
    assert [name for name in sound if f"| `{name}` |" not in guide] == []


def test_the_table_names_every_system(call):
    _, printed, _ = call("systems")
    assert all(name in printed for name in registry.names())


def test_versions_and_devices_are_told(call):
    status, printed, _ = call("env", "--json")

    told = json.loads(printed)
    assert status == 0
    assert told["devices"][-1] == "cpu"
    assert told["versions"]["torch"]
    assert told["cores"] >= 1


def test_what_is_missing_is_told_with_its_mend(call, monkeypatch):
    real = env_action.version
    monkeypatch.setattr(env_action, "version", lambda name: None if name == "av" else real(name))

    _, printed, _ = call("env")

    assert "m4a, mp4 and other containers: av; pip install 'typica[media]'" in printed


def test_a_misspelt_command_is_refused(call):
    status, _, said = call("sampel")
    assert status == 2
    assert "sampel" in said
