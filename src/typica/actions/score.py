"""Asking a run how likely it finds recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from typica.actions.conditions import condition_for
from typica.core.condition import Condition
from typica.core.errors import DataError, RunError
from typica.core.model import ExplicitModel
from typica.core.progress import SILENT, Progress
from typica.core.run import Run, load
from typica.data.audiofile import open_audio
from typica.data.sound import read_audio


@dataclass(frozen=True)
class Score:
    """How likely a run finds one recording.

    Attributes:
        file: As the user named it.
        seconds: How long it is at the run's rate.
        log_prob: Its log-likelihood, in nats.
        bits: Bits a sample.
        rate: Sampling rate of the file, in hertz.
    """

    file: str
    seconds: float
    log_prob: float
    bits: float
    rate: int


@dataclass(frozen=True)
class Scores:
    """Scores of recordings.

    Attributes:
        run: Name of the run.
        measure: Base measure of its likelihoods, as in "8-bit mu-law levels".
        density: "exact", or "lower bound" where the log-likelihoods are at least those given.
        rate: Sampling rate that the recordings were read at, in hertz.
        normalise: How they were scaled, as the run's training recordings were: "peak" or "none".
        scores: Of the recordings that could be read.
        refused: Why the others could not, by file.
    """

    run: str
    measure: str
    density: str
    rate: int
    normalise: str
    scores: list[Score]
    refused: dict[str, str]


def score(
    run: str | Path,
    files: Sequence[str | Path],
    *,
    label: str | None = None,
    conditions: Sequence[str] = (),
    device: str = "auto",
    progress: Progress = SILENT,
) -> Scores:
    """Score whole recordings, each read and normalised as the run's training recordings were.

    Files that cannot be used are told to `progress` and left out.

    Args:
        run: A run or one of its checkpoints.
        files: Sound files.
        label: Class that they are taken to be of, for a run that is told labels.
        conditions: Other classes that they are taken to be of, as in "pitch=60".
        device: Where to compute.
        progress: Hears how far it is, and what was refused.

    Raises:
        RunError: The run has no density, or must be told more than recordings hold.
        DataError: None of the files can be used.
    """
    opened = load(run, device)
    model = opened.model
    if not isinstance(model, ExplicitModel):
        raise RunError(f"{opened.system} has no density: it can be sampled, not scored")
    condition = _condition(opened, label, conditions)
    scores, refused = [], {}
    with progress.task("scoring", total=len(files), unit="files") as task:
        for file in files:
            try:
                scores.append(_score(opened, file, condition))
            except DataError as error:
                refused[str(file)] = str(error)
            task.advance()
    _tell(refused, len(files), progress)
    measure, density = model.base_measure, model.density
    return Scores(opened.name, measure, density, opened.rate, opened.normalise, scores, refused)


def _tell(refused: dict[str, str], count: int, progress: Progress) -> None:
    """Tell why files cannot be used, and give up if none can."""
    if count == len(refused) == 1:
        raise DataError(next(iter(refused.values())))
    for reason in refused.values():
        progress.say(reason)
    if len(refused) == count:
        raise DataError(f"none of the {count} files can be scored: the reasons are above")


def _condition(run: Run, label: str | None, conditions: Sequence[str]) -> Condition | None:
    """Return what the run is told beside a recording."""
    dense = [name for name, need in run.model.needs.items() if need.hop is not None]
    if dense:
        raise RunError(
            f"{run.name} is told {', '.join(dense)} beside the audio, which sound files do not "
            f"hold: `typica evaluate` scores recordings of its corpus"
        )
    return condition_for(run, 1, 0, label=label, conditions=conditions)


@torch.no_grad()
def _score(run: Run, file: str | Path, condition: Condition | None) -> Score:
    audio = read_audio(Path(file), run.rate, normalise=run.normalise)
    log_prob = float(run.log_prob(audio[None], condition))
    if not math.isfinite(log_prob):
        raise DataError(f"cannot use {file}: its log-likelihood is {log_prob}")
    samples = audio.shape[-1]
    bits = -log_prob / samples / math.log(2)
    return Score(str(file), samples / run.rate, log_prob, bits, open_audio(Path(file)).rate)
