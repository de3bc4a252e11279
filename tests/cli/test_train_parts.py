"""A system that carries its state through a recording, as a user trains and uses it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from typica.cli import main
from typica.core.run import checkpoints

COMMAND = [sys.executable, "-c", "from typica.cli import main; main()"]
CHANGES = ("data.crop=64", "data.parts=7", "data.batch=2", "training.validate_seconds=0.2")
SMALL = ["--preset", "tiny", *(word for change in CHANGES for word in ("--set", change))]


@pytest.fixture
def runs(tmp_path):
    return Path(os.environ["TYPICA_RUNS"])


def typica(*arguments):
    """Give a command in this process; return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code or 0


def test_a_run_killed_in_the_middle_of_a_stretch_reaches_the_weights_of_an_unbroken_one(
    tones, runs
):
    arguments = ["train", "samplernn", "--data", tones, *SMALL, "--steps", "90"]
    arguments += ["--set", "training.checkpoint_every=10"]
    broken = runs / "broken"
    typica(*arguments, "--name", "unbroken")

    command = [*COMMAND, *arguments, "--name", "broken"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as first:
        while not (broken / "checkpoints" / "step-00000020").is_dir():
            time.sleep(0.002)
        first.send_signal(signal.SIGKILL)
    killed_at = int(checkpoints(broken)[-1].name[5:])
    status = typica(*arguments, "--name", "broken", "--resume")

    assert status == 0
    assert killed_at < 90
    assert killed_at % 7  # in the middle of a stretch
    for name in ("live.safetensors", "optimizer.safetensors", "weights.safetensors"):
        ends = [run / "checkpoints" / "step-00000090" / name for run in (broken, runs / "unbroken")]
        assert ends[0].read_bytes() == ends[1].read_bytes()


def test_a_run_can_be_sampled_streamed_and_evaluated(tones, runs, tmp_path, capsys):
    assert typica("train", "samplernn", "--data", tones, *SMALL, "--steps", 10, "--name", "a") == 0
    run = runs / "a"
    stream = tmp_path / "stream.wav"

    statuses = [
        typica("sample", run, "--seconds", 0.05, "-o", tmp_path / "samples"),
        typica("stream", run, "-o", stream, "--seconds", 0.2, "--no-monitor"),
        typica("evaluate", run, "--count", 1, "--sample-seconds", 0.1, "--seconds", 1),
    ]

    assert statuses == [0, 0, 0], capsys.readouterr().err
    (sample,) = (tmp_path / "samples").glob("*.wav")
    assert soundfile.info(sample).frames == 400
    assert soundfile.info(stream).frames == 1600


@pytest.mark.parametrize(
    ("system", "change", "sentence"),
    [
        ("wavenet", "data.parts=4", "wavenet carries nothing from part to part: --set data.parts"),
        ("samplernn", "data.parts=0", "data.parts must be at least 1, got 0"),
        (
            "samplernn",
            "data.parts=200",
            "200 parts of 64 samples are longer than every recording of tones, whose longest has "
            "8000: --set data.parts=125",
        ),
    ],
)
def test_parts_that_cannot_be_are_refused_in_a_sentence(tones, capsys, system, change, sentence):
    changes = ["--set", "data.crop=64", "--set", change]
    status = typica("train", system, "--data", tones, "--preset", "tiny", *changes)

    assert status == 2
    assert sentence in capsys.readouterr().err.replace("\n", " ")
