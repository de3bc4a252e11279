"""Drawing audio from a run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.errors import ConfigError, RunError
from typica.core.files import replacing
from typica.core.model import AutoregressiveModel
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded
from typica.core.run import Run, load
from typica.data.sound import read_audio, write_audio
from typica.decoding.sampling import ancestral, draw_audio


class Samples(NamedTuple):
    """What was drawn.

    Attributes:
        files: One sound file for each example.
        audio: Shape (count, channels, time), with the prompt before it if there was one.
        rate: Hertz.
        prompt_s: Seconds of prompt at the beginning of each.
        real_time: Seconds of audio drawn in a second, all examples together.
    """

    files: list[Path]
    audio: Tensor
    rate: int
    prompt_s: float
    real_time: float


def sample(
    run: str | Path,
    *,
    seconds: float = 10.0,
    count: int = 1,
    temperature: float = 1.0,
    seed: int = 0,
    prompt: Path | None = None,
    label: str | None = None,
    like: str | None = None,
    out: Path = Path("samples"),
    device: str = "auto",
    progress: Progress = SILENT,
) -> Samples:
    """Draw audio and write it as WAV files, with a JSON file that says how it was made.

    Args:
        run: A run or one of its checkpoints.
        seconds: Length of each example, without the prompt.
        count: Examples.
        temperature: Below 1, the model is surer of itself (autoregressive systems).
        seed: The same seed gives the same samples on the same machine.
        prompt: A recording to go on from (autoregressive systems).
        label: Class to draw, for a run that is told labels.
        like: Recording of the run's corpus whose frames to follow, for a run that is told any.
        out: Folder for the files.
        device: Where to compute.
        progress: Hears how far it is.

    Raises:
        TypicaError: Something asked for does not fit the run.
    """
    if seconds <= 0 or count < 1:
        raise ConfigError(f"seconds and count must be above 0, got {seconds:g} and {count}")
    opened = load(run, device)
    length = max(1, round(seconds * opened.rate))
    past = _read_prompt(opened, prompt)
    condition = _condition(opened, count, label, like)
    began = time.perf_counter()
    settings = {"temperature": temperature, "prompt": past, "condition": condition}
    generator = seeded(seed, opened.device)
    figures: dict[str, list[float]] = {}
    if isinstance(opened.model, AutoregressiveModel):
        drawn = ancestral(
            opened.model, count, length, generator=generator, progress=progress, **settings
        )
        audio = drawn.audio
        figures = {"log_prob": drawn.log_prob.tolist(), "log_draw": drawn.log_draw.tolist()}
    else:
        audio = draw_audio(opened.model, count, length, generator=generator, **settings)
    speed = count * length / opened.rate / (time.perf_counter() - began)
    if past is not None:
        audio = torch.cat([past.expand(count, -1, -1), audio.cpu()], -1)
    prompt_s = 0.0 if past is None else past.shape[-1] / opened.rate
    about = {
        "run": str(opened.path),
        "seconds": seconds,
        "temperature": temperature,
        "seed": seed,
        "prompt": None if prompt is None else str(prompt),
        "prompt_s": prompt_s,
        "label": label,
        "like": like,
        **figures,
    }
    files = _write(out, f"{opened.name}-seed{seed}", audio.cpu(), opened.rate, about)
    return Samples(files, audio.cpu(), opened.rate, prompt_s, speed)


def _read_prompt(run: Run, path: Path | None) -> Tensor | None:
    """Read a prompt at the run's rate, as loud as the recordings that the run was trained on."""
    if path is None:
        return None
    if not isinstance(run.model, AutoregressiveModel):
        raise RunError(f"{run.system} cannot go on from a prompt: it is not autoregressive")
    normalise = run.config.get("corpus", {}).get("normalise", "none")
    return read_audio(path, run.rate, normalise=normalise)[None].to(run.device)


def _condition(run: Run, count: int, label: str | None, like: str | None) -> Condition | None:
    from typica.actions.conditions import condition_for

    return condition_for(run, count, label=label, like=like)


def _write(out: Path, stem: str, audio: Tensor, rate: int, about: dict) -> list[Path]:
    files = []
    for index, example in enumerate(audio):
        path = out / (f"{stem}.wav" if len(audio) == 1 else f"{stem}-{index + 1}.wav")
        write_audio(path, example, rate)
        files.append(path)
    with replacing(out / f"{stem}.json") as place:
        place.write_text(json.dumps(about | {"files": [f.name for f in files]}, indent=2) + "\n")
    return files
