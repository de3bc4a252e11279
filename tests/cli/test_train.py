"""`typica train` and `typica plan` as a user gives them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from typica.cli import main
from typica.core.run import checkpoints

COMMAND = [sys.executable, "-c", "from typica.cli import main; main()"]
CHANGES = ("data.crop=64", "data.batch=1", "training.log_every=5", "training.validate_seconds=0.05")
SMALL = ["--preset", "tiny", *(word for change in CHANGES for word in ("--set", change))]


@pytest.fixture
def runs(tmp_path):
    return Path(os.environ["TYPICA_RUNS"])


def typica(*arguments):
    """Give a command in this process; return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code or 0


def train(tones, *arguments):
    return typica("train", "wavenet", "--data", tones, *SMALL, *arguments)


def until(condition):
    """Wait for something that another process does."""
    while not condition():
        time.sleep(0.005)


def steps(folder):
    log = folder / "log" / "metrics.jsonl"
    return [json.loads(x)["step"] for x in log.read_text().splitlines()] if log.exists() else []


def test_training_leaves_a_run_that_can_be_loaded(tones, runs, capsys):
    import typica as package

    status = train(tones, "--steps", 10, "--name", "first")

    words = capsys.readouterr()
    card = (runs / "first" / "card.md").read_text()
    assert status == 0
    assert words.out.strip() == str(runs / "first")
    assert "bits a sample are of 8-bit mu-law levels" in words.err
    assert "10/10 steps loss" in words.err
    assert "| licence of the data | CC0-1.0 |" in card
    assert "base measure: 8-bit mu-law levels" in card
    assert package.load(runs / "first").sample(0.01).shape == (1, 1, 80)


def test_a_run_is_named_by_system_corpus_and_time(tones, runs):
    train(tones, "--steps", 2)

    (run,) = runs.iterdir()
    assert run.name.startswith("wavenet-tones-20")


def test_a_killed_and_interrupted_run_reaches_the_weights_of_an_unbroken_one(tones, runs):
    settings = [*SMALL, "--steps", "300", "--set", "training.checkpoint_every=20"]
    command = [*COMMAND, "train", "wavenet", "--data", tones, *settings, "--name", "broken"]
    train(tones, *settings, "--name", "unbroken")
    broken = runs / "broken"

    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as first:
        until(lambda: steps(broken) and max(steps(broken)) > 25)
        first.kill()
    killed_at = len(checkpoints(broken)) and int(checkpoints(broken)[-1].name[5:])
    with subprocess.Popen([*command, "--resume"], stderr=subprocess.PIPE, text=True) as second:
        until(lambda: max(steps(broken)) > killed_at + 30)
        second.send_signal(signal.SIGINT)
        words = second.communicate()[1]
    stopped_at = int(checkpoints(broken)[-1].name[5:])
    status = train(tones, *settings, "--name", "broken", "--resume")

    assert second.returncode == 130
    assert f"going on after step {killed_at} of" in words
    assert f"stopped after step {stopped_at}, which is kept in {broken}" in words
    assert "go on with --name broken --resume" in words
    assert 0 < killed_at < stopped_at < 300
    assert status == 0
    for name in ("live.safetensors", "optimizer.safetensors", "weights.safetensors"):
        ends = [run / "checkpoints" / "step-00000300" / name for run in (broken, runs / "unbroken")]
        assert ends[0].read_bytes() == ends[1].read_bytes()
    assert sorted(set(steps(broken))) == sorted(set(steps(runs / "unbroken")) | {stopped_at})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--name", "first"], "first exists: --resume to go on or --name another"),
        (["--name", "fist", "--resume"], "did you mean 'first'?"),
        (["--name", "first", "--resume", "--steps", "2"], "has finished its training, 2 steps in"),
        (
            ["--name", "first", "--resume", "--set", "model.channels=9"],
            "was begun with model.channels 8 and cannot go on with 9",
        ),
        (["--set", "model.chanels=9"], "there is no setting 'model.chanels': did you mean"),
        (["--set", "training.steps=many"], "training.steps must be a whole number; got 'many'"),
        (["--set", "data.rate=16000"], "tones is at 8000 Hz and these settings are made for"),
        (["--set", "data.crop=90000"], "is longer than every recording of tones"),
        (["--set", "model.labels=3"], "must be told 'label' and tones holds nothing besides"),
        (["--set", "likelyhood.warmup=3"], "no table 'likelyhood': did you mean 'likelihood'?"),
        (["--device", "cuda:9"], "there is no device 'cuda:9' on this machine"),
        (["--machines", "2"], "--machines needs --rendezvous HOST:PORT"),
    ],
)
def test_bad_input_is_met_with_a_sentence(tones, capsys, arguments, sentence):
    if "first" in arguments or "fist" in arguments:
        train(tones, "--steps", 2, "--name", "first")
        capsys.readouterr()

    status = train(tones, *arguments)

    words = capsys.readouterr().err
    assert status == 2
    assert sentence in words.replace("\n", " ")
    assert "Traceback" not in words


def test_a_finished_run_can_be_given_more_steps(tones, runs, capsys):
    train(tones, "--steps", 2, "--name", "first")

    status = train(tones, "--name", "first", "--resume", "--steps", 4)

    assert status == 0
    assert "training.steps was 2 and is now 4" in capsys.readouterr().err
    assert checkpoints(runs / "first")[-1].name == "step-00000004"


def test_a_run_that_was_stopped_just_before_its_end_is_ended(tones, runs):
    train(tones, "--steps", 2, "--name", "first")
    (runs / "first" / "weights.safetensors").unlink()

    status = train(tones, "--steps", 2, "--name", "first", "--resume")

    assert status == 0
    assert (runs / "first" / "weights.safetensors").is_file()
    assert [path.name for path in checkpoints(runs / "first")] == ["step-00000002"]


def test_a_run_that_was_stopped_in_its_last_look_is_given_its_card(tones, runs, monkeypatch):
    def press(_):
        raise KeyboardInterrupt

    card = runs / "first" / "card.md"
    train(tones, "--steps", 2, "--name", "first")
    with monkeypatch.context() as patch:
        patch.setattr("typica.training.loop.Loop._judge", press)
        stopped = train(tones, "--steps", 4, "--name", "first", "--resume")
    is_stale = card.exists()

    status = train(tones, "--steps", 4, "--name", "first", "--resume")

    assert (stopped, is_stale, status) == (130, False, 0)
    assert "| training | 4 steps" in card.read_text()
    assert (runs / "first" / "weights.safetensors").is_file()


def test_a_plan_is_told_in_words_and_for_programs(tones, capsys):
    typica("plan", "wavenet", "--data", tones, *SMALL, "--set", "training.steps=1000")
    words = capsys.readouterr().out
    typica("plan", "wavenet", "--data", tones, *SMALL, "--json")
    figures = json.loads(capsys.readouterr().out)

    assert "parameters  9,112" in words
    assert "1,000 steps of" in words
    assert figures["system"] == "wavenet"
    assert figures["plan"]["parameters"] == 9112
    assert figures["plan"]["fits"] is True


@pytest.mark.parametrize(
    ("system", "seconds", "words"),
    [
        ("samplernn", [None], "all that came before"),
        ("vqvae", [], ""),
        (
            "hierarchical_wavenet",
            [16 / 8000, 32 / 8000, 128 / 8000],
            "0.002 s, 0.004 s, 0.016 s, from",
        ),
    ],
)
def test_a_plan_says_how_far_back_each_level_hears(tones, capsys, system, seconds, words):
    typica("plan", system, "--data", tones, "--preset", "tiny")
    printed = capsys.readouterr().out
    typica("plan", system, "--data", tones, "--preset", "tiny", "--json")

    assert json.loads(capsys.readouterr().out)["past_s"] == seconds
    assert words in printed
    assert ("hears back" in printed) == bool(seconds)
