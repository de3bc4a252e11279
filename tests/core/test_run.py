"""Runs: opened by name or folder, carried elsewhere, and refused where damaged."""

import shutil

import pytest
import torch

import typica
from typica.core import registry
from typica.core.errors import ConfigError, RunError
from typica.core.run import Run, checkpoints, find_run, runs_home, write_model

SETTINGS = {"stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 8, "head": [8]}


@pytest.fixture
def run():
    """Return the folder of a run with random weights."""
    torch.manual_seed(0)
    model = registry.from_settings("wavenet", SETTINGS)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    folder = runs_home() / "first"
    folder.mkdir(parents=True)
    write_model(folder, model, {"system": "wavenet", "rate": 8000, "model": SETTINGS})
    return folder


def test_a_run_is_found_by_name_and_by_folder(run):
    assert find_run("first") == find_run(run) == run.resolve()
    assert typica.load("first").rate == 8000


def test_a_shipped_run_is_found_by_name_unless_a_run_of_one_s_own_has_it(
    run, tmp_path, monkeypatch
):
    shipped = shutil.copytree(run, tmp_path / "shipped" / "first")
    monkeypatch.setattr("typica.core.run.SHIPPED", shipped.parent)

    assert find_run("first") == run.resolve()
    shutil.rmtree(run)
    assert find_run("first") == shipped.resolve()
    with pytest.raises(RunError, match="did you mean 'first'"):
        find_run("frist")


def test_samples_have_the_length_asked_for_and_can_be_scored(run):
    opened = typica.load(run)
    audio = opened.sample(seconds=0.01, count=2, seed=3)

    assert audio.shape == (2, 1, 80)
    assert opened.log_prob(audio).shape == (2,)


def test_opening_a_run_leaves_torch_s_own_randomness_where_it_is(run):
    before = torch.get_rng_state()
    assert typica.load(run).model is not None
    assert torch.get_rng_state().equal(before)


def test_a_copy_elsewhere_gives_the_same_samples(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "another machine" / "x")
    expected = typica.load(run).sample(0.01, seed=1)
    shutil.rmtree(run)
    assert torch.equal(typica.load(copy).sample(0.01, seed=1), expected)


def test_the_newest_checkpoint_stands_in_for_missing_weights(run):
    for step in (2, 10):
        aside = shutil.copytree(run, run.parent / f"copy-{step}", ignore=lambda *_: {"checkpoints"})
        shutil.move(aside, run / "checkpoints" / f"step-{step:08d}")
    (run / "weights.safetensors").unlink()

    opened = typica.load(run)

    assert opened.path.name == "step-00000010"
    assert opened.name == "first"
    assert len(checkpoints(run)) == 2


def test_a_misspelt_run_names_its_neighbour(run):
    with pytest.raises(RunError, match="no run 'frist'.* did you mean 'first'"):
        typica.load("frist")


def test_truncated_weights_are_refused(run):
    path = run / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunError, match=r"weights.safetensors is damaged or was changed"):
        _ = typica.load(run).model


def test_tampered_weights_are_refused(run):
    path = run / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match="its SHA-256 is not the one in manifest.json"):
        _ = typica.load(run).model


def test_weights_of_another_model_are_refused(run):
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("channels: 4", "channels: 6"))
    with pytest.raises(RunError, match=r"config.yaml is not the one that weights.* was trained"):
        _ = typica.load(run).model


def test_another_rate_than_it_was_trained_at_is_refused(run):
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("rate: 8000", "rate: 44100"))
    with pytest.raises(RunError, match="system, rate or model was changed"):
        _ = typica.load(run).model


@pytest.mark.parametrize("text", ['{"weights', "[1]"])
def test_a_damaged_manifest_is_one_sentence(run, text):
    (run / "manifest.json").write_text(text)
    with pytest.raises(RunError, match=r"manifest.json is damaged: copy the whole folder again"):
        _ = typica.load(run).model


def test_a_configuration_that_is_no_run_s_is_refused(run):
    (run / "config.yaml").write_text("rate: 8000\n")
    with pytest.raises(RunError, match="does not say the system"):
        typica.load(run)


def test_a_long_recording_is_scored_in_blocks(run, monkeypatch):
    opened, blocks = typica.load(run), []
    advance = opened.model.advance
    monkeypatch.setattr("typica.core.model.BLOCK", 100)
    monkeypatch.setattr(opened.model, "advance", lambda p, s: (blocks.append(1), advance(p, s))[1])

    opened.log_prob(torch.zeros(1, 1, 450))

    assert len(blocks) == 5


def test_no_seconds_are_refused(run):
    with pytest.raises(RunError, match="seconds and count must be above 0"):
        typica.load(run).sample(seconds=0)


def test_weights_without_their_manifest_are_refused(run):
    (run / "manifest.json").unlink()
    with pytest.raises(RunError, match="copy the whole folder"):
        _ = typica.load(run).model


def test_a_run_of_a_system_that_is_gone_is_named(run):
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("system: wavenet", "system: wavenot"))
    with pytest.raises(ConfigError, match="no system 'wavenot': did you mean 'wavenet'"):
        _ = Run(run).model


def test_a_device_that_is_not_there_is_named(run):
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfigError, match="no device 'cuda' on this machine: it has"):
        typica.load(run, device="cuda")


def test_a_run_without_weights_says_how_to_go_on(run):
    (run / "weights.safetensors").unlink()
    with pytest.raises(RunError, match="no weights yet: train it further with --resume"):
        typica.load(run)
