import errno
import json
import re
import resource

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError
from toy_training import CONFIG, ToyGan, batches, make_learner, weights

from typica.core.errors import RunError
from typica.core.files import DiskError
from typica.core.run import checkpoints
from typica.training import checkpoint


def trained(steps, model=None):
    learner = make_learner(model)
    for _ in range(steps):
        learner.step(batches(), 0.1)
    return learner


@pytest.mark.parametrize("kind", [lambda: None, ToyGan])
def test_a_restored_learner_goes_on_to_the_same_weights(tmp_path, kind):
    unbroken = trained(3, kind())
    path = checkpoint.write(tmp_path, unbroken, CONFIG, 12.5)
    resumed = make_learner(kind())

    elapsed_s = checkpoint.restore(path, resumed)
    for learner in (unbroken, resumed):
        learner.step(batches(), 0.1)
        learner.step(batches(), 0.2)

    assert elapsed_s == 12.5
    assert resumed.steps == 5
    assert torch.equal(weights(resumed), weights(unbroken))


def test_nothing_in_a_checkpoint_is_pickled(tmp_path):
    path = checkpoint.write(tmp_path, trained(1), CONFIG, 0.0)

    kinds = {file.suffix for file in path.iterdir()}
    assert kinds == {".safetensors", ".json", ".yaml"}


@pytest.mark.parametrize("name", ["live.safetensors", "optimizer.safetensors", "state.json"])
def test_a_tampered_checkpoint_is_refused(tmp_path, name):
    path = checkpoint.write(tmp_path, trained(1), CONFIG, 0.0)
    content = bytearray((path / name).read_bytes())
    content[-3] ^= 1
    (path / name).write_bytes(content)

    with pytest.raises(RunError, match=f"{name} is missing, damaged or was changed"):
        checkpoint.restore(path, make_learner())


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    learner = make_learner()
    for _ in range(4):
        learner.step(batches(), 0.1)
        checkpoint.write(tmp_path, learner, CONFIG, 0.0)
    (tmp_path / "checkpoints" / ".step-00000005.killed").mkdir()

    checkpoint.prune(tmp_path, keep=2)

    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000003", "step-00000004"]


FULL = "Error while serializing: I/O error: No space left on device (os error 28)"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), SafetensorError(FULL)])
def test_a_full_disk_leaves_the_earlier_checkpoint_and_one_sentence(tmp_path, monkeypatch, error):
    learner = trained(1)
    before = checkpoint.write(tmp_path, learner, CONFIG, 0.0)
    learner.step(batches(), 0.1)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(safetensors.torch, "save_file", fail)
    sentence = r"cannot write .*step-00000002: no space left.*: make room and go on with --resume"
    with pytest.raises(DiskError, match=sentence) as caught:
        checkpoint.write(tmp_path, learner, CONFIG, 0.0)

    assert "\n" not in str(caught.value)
    assert checkpoints(tmp_path) == [before]
    assert [path.name for path in before.parent.iterdir()] == [before.name]
    checkpoint.restore(before, make_learner())


def test_a_limit_of_the_real_disk_is_told_in_one_sentence(tmp_path):
    learner = trained(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DiskError, match="file too large; nothing that was there is lost"):
            checkpoint.write(tmp_path, learner, CONFIG, 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_final_weights_can_be_verified(tmp_path):
    learner = trained(2)

    checkpoint.write_final(tmp_path, learner, CONFIG)

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    held = safetensors.torch.load_file(tmp_path / "weights.safetensors")
    assert re.fullmatch("[0-9a-f]{64}", manifest["weights.safetensors"])
    assert torch.equal(held["net.0.weight"], learner.average.model.net[0].weight)
