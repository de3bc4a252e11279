"""typica sample --strategy, from the command line to the files."""

import json
import shutil

import pytest
import yaml


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def told_of(out, seed=0):
    """Read what stands beside a clip, and the clip's bytes."""
    (beside,) = out.glob(f"*-seed{seed}.json")
    told = json.loads(beside.read_text())
    return told, [(out / name).read_bytes() for name in told["files"]]


@pytest.mark.parametrize(
    ("options", "how"),
    [
        (["--strategy", "nucleus", "--top-p", 0.5], "nucleus=0.5"),
        (["--strategy", "typical=0.5,top-k=9", "--temperature", 0.8], "typical=0.5,top-k=9 at"),
        (["--top-k", 3], "top-k=3"),
        (["--typical", 0.4], "typical=0.4"),
        (["--epsilon", 0.0001], "epsilon=0.0001"),
        (["--eta", 0.0002], "eta=0.0002"),
        (["--min-p", 0.03], "min-p=0.03"),
        (["--strategy", "greedy"], "greedy"),
        (["--strategy", "mirostat=3"], "mirostat=3:0.1"),
        (["--strategy", "beam", "--width", 3], "beam=3, beam of 3, stopped by length"),
        (["--strategy", "stochastic-beam"], "stochastic-beam, drawn without replacement"),
        (["--strategy", "exact=20"], "exact=20, not proven"),
        (["--strategy", "contrastive=3:0.5"], "contrastive=3:0.5"),
        (["--strategy", "selective=-9:9"], "selective=-9:9:1000, 100%"),
        (["--strategy", "global-temperature=0.9:100"], "global-temperature=0.9:100"),
        (["--strategy", "mbr=4"], "minimum-bayes-risk=4, of 4 samples"),
    ],
)
def test_each_strategy_makes_a_clip_and_says_how(call, run, out, options, how):
    status, printed, said = call("sample", run, "--seconds", 0.02, *options, "-o", out)

    assert status == 0, said
    assert printed.strip().endswith(".wav")
    assert how in said
    told, clips = told_of(out)
    assert told["strategy"].startswith(how)
    assert len(told["log_prob"]) == len(told["log_draw"]) == len(clips) == 1


def test_what_engines_cannot_is_said_to_be_the_modules_own(call, run, out):
    status, _, said = call(
        *("sample", run, "--seconds", 0.02, "--strategy", "contrastive=3:0.5:9", "-o", out)
    )
    assert status == 0, said
    assert "own steps" in said
    assert "C++" not in said
    assert "own steps" in told_of(out)[0]["engine"]
    options = ("--strategy", "contrastive", "--weights", "int8")
    status, _, said = call("sample", run, "--seconds", 0.02, *options, "-o", out)
    assert status == 2
    assert "takes the module's own steps, in float32" in said


def test_a_strategy_changes_what_is_drawn_and_tells_its_own_likelihood(call, run, out):
    # The model is even over 256 levels: of the lowest 3 each has a third.
    call("sample", run, "--seconds", 0.02, "--top-k", 3, "-o", out)
    told, _ = told_of(out)
    assert told["log_prob"][0] == pytest.approx(-160 * 5.545177, rel=1e-5)
    assert told["log_draw"][0] == pytest.approx(-160 * 1.098612, rel=1e-5)


def test_the_first_clip_is_the_same_however_many_are_drawn(call, run, out):
    call("sample", run, "--seconds", 0.02, "-o", out / "one")
    call("sample", run, "--seconds", 0.02, "--count", 3, "-o", out / "three")
    (one,), three = told_of(out / "one")[1], told_of(out / "three")[1]
    assert three[0] == one
    assert len(set(three)) == 3


def test_a_run_may_say_how_it_is_drawn_from(call, run, out, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(run, folder)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["sampling"] = {"temperature": 0.9, "strategy": "top-k=3"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))

    said = call("sample", folder, "--seconds", 0.02, "-o", out)[2]
    assert "top-k=3 at temperature 0.9:" in said
    said = call("sample", folder, "--seconds", 0.02, "--strategy", "greedy", "-o", out)[2]
    assert "greedy:" in said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--strategy", "nuclous=0.5"], "did you mean 'nucleus'"),
        (["--strategy", "beam=4", "--top-p", 0.9], "nucleus does not go with it"),
        (["--strategy", ""], "there is no strategy ''"),
        (["--temperature", "inf"], "from 1e-06 to 1e+06, got inf"),
        (["--strategy", "beam=4", "--temperature", 0.9], "temperature must be 1"),
        (["--top-p", 1.5], "nucleus"),
        (["--strategy", "contrastive", "--count", 2], "ask for count 1"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(call, run, out, options, reason):
    status, _, said = call("sample", run, "--seconds", 0.02, *options, "-o", out)
    assert status == 2
    assert reason in said
    assert len(said.strip().splitlines()) == 1
    assert not out.exists()
