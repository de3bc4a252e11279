"""`typica evaluate --checkpoints`, on a corpus of noise and models that draw each level anew."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from typica.core.config import write_yaml

RATE = 2000
QUICK = ("--seconds", "2", "--clips", "4", "--clip-seconds", "6")
LOUDNESS = -(((torch.arange(256) - 128) / 30.0) ** 2) / 2  # of levels, as the recordings have them


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Twenty recordings of noise, two of them held out for choosing."""
    from typica.data.folder import FolderSource
    from typica.data.prepare import prepare
    from typica.signal.quantise import MuLaw

    folder, rng = tmp_path_factory.mktemp("noises"), np.random.default_rng(0)
    for number in range(20):
        levels = rng.choice(256, 36 * RATE, p=LOUDNESS.double().softmax(0).numpy())
        audio = MuLaw(8).decode(torch.as_tensor(levels)).numpy()
        soundfile.write(folder / f"{number}.wav", audio, RATE)
    source, place = FolderSource(folder, licence="CC0-1.0"), tmp_path_factory.mktemp("corpora")
    return prepare(source, place / "noises", rate=RATE, normalise="none", workers=1)


@pytest.fixture
def make(corpus, tmp_path):
    """Write a run, with a checkpoint for each row of logits of the levels, by step."""
    from typica.core import registry
    from typica.core.run import write_model

    def make(name="run", final=None, **steps):
        model = registry.build("wavenet", "tiny", bits=8)
        config = {
            "system": "wavenet",
            "rate": RATE,
            "corpus": {
                "name": corpus.name,
                "path": str(corpus.path),
                "fingerprint": corpus.fingerprint,
            },
            "model": model.config.to_dict(),
        }
        run = tmp_path / name
        run.mkdir()
        write_yaml(run / "config.yaml", config)
        for step, logits in [*steps.items(), *([("final", final)] if final is not None else [])]:
            for parameter in model.parameters():
                parameter.data.zero_()
            model.head.last.bias.data.copy_(logits)
            place = run
            if step != "final":
                place = run / "checkpoints" / f"step-{int(step[1:]):08d}"
                place.mkdir(parents=True)
            write_model(place, model, config)
        return run

    return make


def silent():
    return 40.0 * (torch.arange(256) == 128)


def noise():
    return torch.zeros(256)


def test_the_healthy_checkpoint_is_first_and_the_page_plays_all(call, make):
    run = make(s10=silent(), s20=LOUDNESS, s30=noise())

    status, out, err = call("evaluate", run, "--checkpoints", *QUICK)

    head, *rows, page = out.splitlines()
    assert status == 0
    assert [row.split()[2] for row in rows][0] == "20"
    assert "silence" in next(row for row in rows if "step 10" in row)
    assert "Take step 20. It plays freely" in err
    text = (run / "audition" / "audition.html").read_text()
    assert page == str(run.resolve() / "audition" / "audition.html")
    sources = re.findall(r'<audio [^>]*src="([^"]+)"', text)
    assert len(sources) == 12
    for source in sources:
        assert soundfile.info(run / "audition" / source).duration == pytest.approx(6, abs=0.2)
    told = json.loads((run / "audition" / "audition.json").read_text())
    found = {one["step"]: (one["silent"], one["flatness"]) for one in told["checkpoints"]}
    flat = pytest.approx(0.56, abs=0.03)  # white noise, all of it
    assert (found[10], found[20], found[30]) == ((1, None), (0, flat), (0, flat))
    assert (told["expected_silent"], told["expected_flatness"]) == (0, flat)
    row = next(row for row in rows if "step 10" in row)
    assert re.search(r" 100\.0%\s+-\s+0\.0%", row), (head, row)


def test_what_was_heard_is_not_heard_again_and_new_weights_are(call, make, monkeypatch):
    from typica.evaluation.stage import Stage

    run = make(s10=silent(), s20=LOUDNESS)
    _, before, _ = call("evaluate", run, "--checkpoints", *QUICK, "--json")
    shutil.copytree(
        make("other", s30=noise()) / "checkpoints", run / "checkpoints", dirs_exist_ok=True
    )
    played, whole = [], Stage.play
    monkeypatch.setattr(Stage, "play", lambda *it: played.append(1) or whole(*it))

    _, after, _ = call("evaluate", run, "--checkpoints", *QUICK, "--json")

    assert len(played) == 1
    known = {one["name"]: one["streams"] for one in json.loads(before)["checkpoints"]}
    found = {one["name"]: one["streams"] for one in json.loads(after)["checkpoints"]}
    assert found.keys() == {"step 10", "step 20", "step 30"}
    assert found.items() >= known.items()
    call("evaluate", run, "--checkpoints", *QUICK, "--seed", "1")
    assert len(played) == 4


def test_final_weights_that_are_a_checkpoints_are_heard_once(call, make):
    run = make(s10=silent(), s20=LOUDNESS, final=LOUDNESS)

    _, out, _ = call("evaluate", run, "--checkpoints", *QUICK, "--json")

    assert [one["name"] for one in json.loads(out)["checkpoints"]] == ["step 20 (final)", "step 10"]


def test_a_damaged_checkpoint_is_left_out_and_told(call, make):
    run = make(s10=LOUDNESS, s20=LOUDNESS + torch.linspace(0, 1e-3, 256))
    weights = run / "checkpoints" / "step-00000010" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"oops")

    status, out, err = call("evaluate", run, "--checkpoints", *QUICK, "--json")

    assert status == 0
    assert [one["name"] for one in json.loads(out)["checkpoints"]] == ["step 20"]
    assert "step 10 is left out: " in err


def test_a_run_without_checkpoints_is_refused(call, make):
    status, _, err = call("evaluate", make(final=LOUDNESS), "--checkpoints", *QUICK)

    assert status == 2
    assert "has no checkpoints to choose from" in err
    assert err.count("\n") == 1


def test_a_corpus_that_is_not_at_hand_is_refused(call, make, tmp_path):
    from typica.core.config import read_yaml
    from typica.core.run import load, write_model

    run = make(s10=LOUDNESS)
    place = run / "checkpoints" / "step-00000010"
    model, config = load(place, "cpu").model, read_yaml(place / "config.yaml")
    lost = {"name": "gone", "path": str(tmp_path / "gone"), "fingerprint": "x"}
    write_model(place, model, config | {"corpus": lost})

    status, _, err = call("evaluate", run, "--checkpoints", *QUICK)

    assert status == 2
    assert "there is no corpus 'gone'" in err


def test_what_makes_no_streams_is_refused_and_how_to_judge_it_is_told():
    from types import SimpleNamespace

    from typica.actions.audition import _player
    from typica.core import registry
    from typica.core.errors import ConfigError

    gan = SimpleNamespace(needs={})
    with pytest.raises(ConfigError, match="gan makes no streams.*: listen to each by typica sampl"):
        _player(SimpleNamespace(model=gan, system="gan"))
    with pytest.raises(ConfigError, match="glow makes no streams.*: evaluate each by typica eval"):
        _player(SimpleNamespace(model=registry.build("glow", "tiny"), system="glow"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--clips", "3"), "at least 4 clips are needed to tell checkpoints apart, got 3"),
        (("--clip-seconds", "0"), "clips must be longer than 0 s, got 0"),
        (("--clip-seconds", "nan"), "clips must be longer than 0 s, got nan"),
        (("--seconds", "inf"), "seconds of recordings must be at least 0, got inf"),
        (("--prompt-seconds", "inf"), "seconds of prompts must be at least 0, got inf"),
        (("--split", "tset"), "there is no split 'tset': did you mean 'test'?"),
    ],
)
def test_too_little_is_refused(call, make, asked, words):
    status, _, err = call("evaluate", make(s10=LOUDNESS), "--checkpoints", *asked)

    assert status == 2
    assert words in err


def test_for_no_seconds_checkpoints_go_along_all_of_the_split(call, make, corpus):
    status, out, err = call("evaluate", make(s10=LOUDNESS), "--checkpoints", *QUICK, "--seconds", 0)

    assert status == 0, err
    told = json.loads((Path(out.splitlines()[-1]).parent / "audition.json").read_text())
    assert f"went along {corpus.seconds('valid'):.0f} s of the split “valid”" in told["how"]
    assert corpus.seconds("valid") > 30
