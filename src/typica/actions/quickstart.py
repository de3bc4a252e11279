"""The whole road once: data, training, music and a report, in a few minutes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from typica.actions.evaluate import evaluate
from typica.actions.prepare_data import prepare_data
from typica.actions.sample import sample
from typica.actions.train import train
from typica.core.progress import SILENT, Progress
from typica.core.run import runs_home
from typica.data.corpus import Corpus
from typica.data.sound import write_audio
from typica.evaluation.figures import check_matplotlib
from typica.evaluation.findings import Findings

CORPUS, SYSTEM, PRESET = "chorales", "wavenet", "quickstart"
PROMPT_S = 1.0  # so young a model might well begin with seconds of silence
REPORT_S = 30.0  # of held-out audio to score


class Quickstart(NamedTuple):
    """What the road led to.

    Attributes:
        page: The report.
        sounds: The music that was drawn, behind the second that it goes on from.
        run: Folder of the run.
        findings: What the report shows.
        seconds: How long it all took.
    """

    page: Path
    sounds: list[Path]
    run: Path
    findings: Findings
    seconds: float


def quickstart(
    out: Path = Path("quickstart"),
    *,
    minutes: float | None = None,
    seconds: float = 10.0,
    temperature: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Quickstart:
    """Prepare the built-in chorales, train a small WaveNet, draw music, write a report.

    The run is kept under `runs`, so that it can be trained further; a second quickstart makes
    a second run.

    Args:
        out: Folder for the music and the report.
        minutes: Of training; the preset's own if left out.
        seconds: Of music.
        temperature: Below 1 the model is surer of itself.
        seed: Of the music.
        device: Where to compute.
        progress: Hears how far it is.

    Raises:
        TypicaError: A package is missing, or a file cannot be written.
    """
    check_matplotlib()  # now, not after the training
    began = time.monotonic()
    corpus = prepare_data(CORPUS, progress=progress)
    run = train(
        SYSTEM,
        corpus.path,
        PRESET,
        name=_free_name(),
        minutes=minutes,
        device=device,
        progress=progress,
    )
    drawn = sample(
        run,
        seconds=seconds,
        temperature=temperature,
        seed=seed,
        prompt=_write_prompt(corpus, out),
        normalise_prompt=False,  # the whole recording was
        out=out,
        device=device,
        progress=progress,
    )
    report = evaluate(
        run,
        seconds=REPORT_S,
        samples=drawn.audio[..., round(drawn.prompt_s * drawn.rate) :],
        notes=[
            f"The sample goes on from {PROMPT_S:g} s of a held-out recording: {out}/prompt.wav."
        ],
        out=out,
        device=device,
        progress=progress,
    )
    took = time.monotonic() - began
    return Quickstart(report.page, drawn.files, run, report.findings, took)


def _write_prompt(corpus: Corpus, out: Path) -> Path:
    """Write what the music goes on from: a second out of the middle of a held-out recording."""
    recording = corpus.recordings("valid")[0]
    begin, length = recording.length // 2, round(PROMPT_S * corpus.rate)
    path = out / "prompt.wav"
    write_audio(path, corpus.audio(recording, begin, begin + length), corpus.rate)
    return path


def _free_name() -> str:
    """Return the first name of a quickstart that no run has yet."""
    name, number = "quickstart", 1
    while (runs_home() / name).exists():
        number += 1
        name = f"quickstart-{number}"
    return name
