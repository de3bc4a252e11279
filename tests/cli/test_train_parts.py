"""A system that carries its state through a recording, as a user trains and uses it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from typica.cli import main
from typica.core.run import checkpoints
from typica.data.folder import FolderSource
from typica.data.prepare import prepare

COMMAND = [sys.executable, "-c", "from typica.cli import main; main()"]
CHANGES = ("data.crop=64", "data.parts=7", "data.batch=2", "training.validate_seconds=0.2")
SMALL = ["--preset", "tiny", *(word for change in CHANGES for word in ("--set", change))]


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    for number in range(6):
        times = np.arange(8000) / 8000
        soundfile.write(folder / f"{number}.wav", np.sin(2000 * (number + 1) * times) / 2, 8000)
    corpus = prepare(FolderSource(folder, "CC0-1.0"), folder / "album", rate=8000, workers=1)
    return str(corpus.path)


@pytest.fixture
def runs(tmp_path):
    return Path(os.environ["TYPICA_RUNS"])


def typica(*arguments):
    """Give a command in this process; return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code or 0


def test_a_run_killed_in_the_middle_of_a_stretch_reaches_the_weights_of_an_unbroken_one(
    album, runs
):
    arguments = ["train", "samplernn", "--data", album, *SMALL, "--steps", "90"]
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


def test_a_run_can_be_sampled_streamed_and_evaluated(album, runs, tmp_path, capsys):
    assert typica("train", "samplernn", "--data", album, *SMALL, "--steps", 10, "--name", "a") == 0
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
            "200 parts of 64 samples are longer than every recording of album, whose longest has "
            "8000: --set data.parts=125",
        ),
    ],
)
def test_parts_that_cannot_be_are_refused_in_a_sentence(album, capsys, system, change, sentence):
    changes = ["--set", "data.crop=64", "--set", change]
    status = typica("train", system, "--data", album, "--preset", "tiny", *changes)

    assert status == 2
    assert sentence in capsys.readouterr().err.replace("\n", " ")
