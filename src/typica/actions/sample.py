"""Drawing audio from a run."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from typica.actions.conditions import condition_for
from typica.actions.decode import carry_out, plan_for
from typica.actions.precision import measure_precision
from typica.actions.prompt import read_prompt
from typica.core.coder import DiscreteAutoencoder, drawing_part
from typica.core.errors import ConfigError
from typica.core.files import write_json
from typica.core.model import Model
from typica.core.progress import SILENT, Progress
from typica.core.run import load
from typica.data.sound import write_audio
from typica.decoding.decoder import Decoder
from typica.decoding.sampling import Drawn
from typica.engines.compiler import Backend, Weights, engine_for


class Samples(NamedTuple):
    """What was drawn.

    Attributes:
        files: One sound file for each example.
        audio: Shape (count, channels, time), with the prompt before it if there was one.
        rate: Hertz.
        prompt_s: Seconds of prompt at the beginning of each.
        real_time: Seconds of audio drawn in a second, all examples together.
        engine: What computed.
        cost: What weights of fewer bits cost, in one sentence; None for float32.
        how: The strategy, in words, and what is to be said of how it went.
    """

    files: list[Path]
    audio: Tensor
    rate: int
    prompt_s: float
    real_time: float
    engine: str
    cost: str | None = None
    how: str = ""


def sample(
    run: str | Path,
    *,
    seconds: float = 10.0,
    count: int = 1,
    temperature: float | None = None,
    strategy: str | None = None,
    numbers: Mapping[str, float | None] | None = None,
    seed: int = 0,
    prompt: Path | None = None,
    normalise_prompt: bool = True,
    label: str | None = None,
    conditions: Sequence[str] = (),
    like: str | None = None,
    out: Path = Path("samples"),
    device: str = "auto",
    weights: Weights = "float32",
    backend: Backend = "auto",
    progress: Progress = SILENT,
) -> Samples:
    """Draw audio and write it as WAV files, with a JSON file that says how it was made.

    Args:
        run: A run or one of its checkpoints.
        seconds: Length of each example, without the prompt.
        count: Examples.
        temperature: Below 1, the model is surer of itself, and at 0 it takes the most likely each
            time (autoregressive systems). The run's own if left out, mostly 1.
        strategy: How symbols are chosen or sequences searched for (autoregressive systems), in
            the words of `typica.decoding.plan.plan_from`. The run's own if left out, mostly
            "ancestral".
        numbers: What goes with it, by the names of `typica.decoding.plan.OPTIONS`.
        seed: The same seed gives the same samples on the same machine, and the first of them do
            not depend on how many are drawn.
        prompt: A recording to go on from (autoregressive systems).
        normalise_prompt: Make it as loud as the run's recordings were made; False for an
            excerpt of one of them, which is as loud as it should be.
        label: Class to draw, for a run that is told labels.
        conditions: Classes that it is told besides, as in "pitch=60".
        like: Recording of the run's corpus whose frames to follow, for a run that is told any.
        out: Folder for the files.
        device: Where to compute.
        weights: How an engine keeps them: see `typica.engines.compiler.compile`.
        backend: What it computes with.
        progress: Hears how far it is.

    Raises:
        TypicaError: Something asked for does not fit the run.
    """
    if not 0 < seconds < math.inf or count < 1:
        raise ConfigError(f"seconds and count must be above 0, got {seconds:g} and {count}")
    opened = load(run, device)
    planned = plan_for(opened, strategy, temperature, numbers)
    past = read_prompt(opened, prompt, normalise=normalise_prompt)
    past_length = 0 if past is None else past.shape[-1]
    length = max(1, round(seconds * opened.rate))
    rows = planned.rows(count)
    condition = condition_for(
        opened,
        rows,
        length,
        prompt=past_length,
        label=label,
        conditions=conditions,
        like=like,
    )
    if isinstance(planned.plan, Decoder) and planned.plan.by_module and weights != "float32":
        raise ConfigError(f"{planned.plan.name} takes the module's own steps, in float32")
    # What rounding costs is measured on recordings alone, which do not tell a decoder its codes.
    part = drawing_part(opened.model) if weights == "float32" else opened.model
    engine = engine_for(part, weights=weights, backend=backend, say=progress.say)
    cost = None
    if engine is not None and weights != "float32":  # before anything is written: it may fail
        cost = measure_precision(opened, engine).sentence
    began = time.perf_counter()
    drawn, note = carry_out(
        opened,
        planned,
        engine,
        count=count,
        length=length,
        seed=seed,
        prompt=past,
        condition=condition,
        progress=progress,
    )
    real_time = count * seconds / (time.perf_counter() - began)
    prompt_s = past_length / opened.rate
    audio = _after(past, drawn.audio.cpu())
    how = ", ".join(words for words in (str(planned), _codes(opened.model), note) if words)
    asked = {"strategy": how, "temperature": planned.temperature, "seed": seed}
    asked |= {"label": label, "conditions": list(conditions), "like": like}
    made = {"run": str(opened.path), "prompt": str(prompt or ""), "prompt_s": prompt_s}
    about = asked | {"engine": drawn.engine} | made
    files = _write(out, f"{opened.name}-seed{seed}", audio, opened.rate, about, drawn)
    return Samples(files, audio, opened.rate, prompt_s, real_time, drawn.engine, cost, how)


def _codes(model: Model) -> str:
    """Tell where codes come from that a model does not draw sample by sample."""
    is_coder = isinstance(model, DiscreteAutoencoder)
    return "told codes drawn at random, each as likely" if is_coder else ""


def _after(past: Tensor | None, audio: Tensor) -> Tensor:
    """Return audio (count, channels, time) behind a prompt, if there is one."""
    if past is None:
        return audio
    return torch.cat([past.cpu().expand(len(audio), -1, -1), audio], -1)


def _write(
    out: Path, stem: str, audio: Tensor, rate: int, about: dict[str, Any], drawn: Drawn
) -> list[Path]:
    """Write a WAV file for each example, and one JSON file that says how they were made."""
    count = len(audio)
    names = [f"{stem}.wav" if count == 1 else f"{stem}-{i + 1}.wav" for i in range(count)]
    for name, example in zip(names, audio, strict=True):
        write_audio(out / name, example, rate)
    nats = {
        name: values.tolist()
        for name, values in (("log_prob", drawn.log_prob), ("log_draw", drawn.log_draw))
        if values is not None
    }
    write_json(out / f"{stem}.json", about | nats | {"files": names})
    return [out / name for name in names]
