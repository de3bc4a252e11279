"""Evaluating a run: what it has learnt, how it sounds, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from typica.actions.conditions import follow
from typica.actions.env import env
from typica.core.coder import DiscreteAutoencoder, drawing_part
from typica.core.condition import required
from typica.core.errors import DataError
from typica.core.model import ExplicitModel, Model
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded
from typica.core.run import CHECKPOINTS, Run, find_run, load, runs_home
from typica.data.corpus import Corpus, data_home
from typica.data.of_run import corpus_of
from typica.data.sound import read_audio, write_audio
from typica.decoding.sampling import draw_samples
from typica.engines.compiler import engine_for
from typica.evaluation import figures
from typica.evaluation.code_use import measure_codes
from typica.evaluation.curves import Curves, read_curves
from typica.evaluation.findings import Clip, Findings, clips
from typica.evaluation.health import examine
from typica.evaluation.pricing import measure_likelihood
from typica.evaluation.report import write_report
from typica.evaluation.stretches import choose, excerpts, held_out_split
from typica.signal.quantise import Quantised

EARLY = 3  # samples of training that are shown
EXCERPTS = 4  # of held-out recordings, at least, that samples are measured beside


class Report(NamedTuple):
    """A report that was written.

    Attributes:
        page: The HTML file; `report.json`, sounds and pictures lie beside it.
        findings: What it shows.
    """

    page: Path
    findings: Findings


def evaluate(
    run: str | Path,
    *,
    data: str | None = None,
    split: str | None = None,
    seconds: float = 60.0,
    samples: Tensor | None = None,
    count: int = 3,
    sample_seconds: float = 5.0,
    seed: int = 0,
    notes: Sequence[str] = (),
    out: Path | None = None,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Report:
    """Score held-out recordings, draw samples, measure them, and write a report.

    Args:
        run: A run or one of its checkpoints.
        data: A corpus by name or folder; the one that the run was trained on if left out.
        split: Its recordings that are held out; "test" or, where that is empty, "valid".
        seconds: How much of them is scored at most; 0 for everything.
        samples: Audio already drawn, (count, channels, time), at the run's rate; it is not
            written again.
        count: Samples to draw where there are none.
        sample_seconds: Length of each.
        seed: Of their randomness.
        notes: Sentences that a reader must know before he believes the figures.
        out: Folder of the report; `report` in the run's if left out.
        device: Where to compute.
        progress: Hears how far it is.

    Raises:
        RunError: The run is missing, damaged, or of another sampling rate than the corpus.
        DataError: The corpus is missing or holds nothing that was held out.
        MissingFeatureError: Matplotlib is not installed.
    """
    figures.check_matplotlib()
    opened = load(run, device)
    corpus = corpus_of(opened, data)
    split = split or held_out_split(corpus)
    stretches = choose(corpus, split, seconds or None)
    likelihood = measure_likelihood(opened.model, corpus, stretches, progress=progress)
    # A run without final weights is read from its newest checkpoint, which will be removed.
    folder = find_run(run)
    out = out or folder / "report"
    if samples is None:
        samples = _draw(opened, corpus, split, count, sample_seconds, seed, progress)
        for number, sample in enumerate(samples, start=1):
            write_audio(out / f"sample-{number}.wav", sample, opened.rate)
    real = _excerpts(opened.model, corpus, split, samples)
    curves = read_curves(folder)
    findings = Findings(
        name=opened.name,
        rate=opened.rate,
        split=split,
        likelihood=likelihood,
        curves=curves,
        samples=clips("Sample", list(samples.cpu()), opened.rate),
        recordings=clips("Recording", real, opened.rate),
        early=_early(folder, opened.rate),
        facts=_facts(opened, corpus, curves),
        commands=_commands(opened, corpus, curves),
        notes=[*notes, *_notes(opened, corpus, split)],
        codes=measure_codes(opened.model, corpus, stretches, progress=progress),
    )
    return Report(write_report(findings, out), findings)


def _draw(
    run: Run,
    corpus: Corpus,
    split: str,
    count: int,
    seconds: float,
    seed: int,
    progress: Progress,
) -> Tensor:
    """Draw samples, told what held-out recordings tell where the model must be told.

    They are then no longer than the longest of those: past its end there is nothing to tell.
    """
    length, condition = max(1, round(seconds * run.rate)), None
    needs = required(run.model.needs)
    if needs:
        recordings = corpus.recordings(split)
        length = min(length, max(one.length for one in recordings))
        long = [one for one in recordings if one.length >= length]
        chosen = [long[number % len(long)] for number in range(count)]
        condition = follow(run, corpus, chosen, length, needs)
    return draw_samples(
        run.model,
        count,
        length,
        generator=seeded(seed, run.device),
        condition=condition,
        engine=engine_for(drawing_part(run.model)),
        progress=progress,
    ).audio


def _excerpts(model: Model, corpus: Corpus, split: str, samples: Tensor) -> list[Tensor]:
    """Return excerpts of recordings, as long as the samples and as coarse."""
    chosen = excerpts(corpus, split, max(EXCERPTS, len(samples)), samples.shape[-1])
    audio = [corpus.audio(one.recording, one.start, one.stop) for one in chosen]
    if not isinstance(model, Quantised):
        return audio
    return [model.quantiser.decode(model.quantiser.encode(one)) for one in audio]


def _early(folder: Path, rate: int) -> list[Clip]:
    """Read a few of the samples that training drew, the first to the last."""
    files = sorted((folder / "samples").glob("step-*.wav"))
    shown = sorted({round(i * (len(files) - 1) / (EARLY - 1)) for i in range(EARLY)})
    found = []
    for path in (files[index] for index in shown if files):
        try:
            audio = read_audio(path, rate)
        except DataError:  # a young model may draw silence: there is nothing to hear
            continue
        name = f"Step {int(path.stem.removeprefix('step-')):,}"
        found.append(Clip(name, audio, examine(audio, rate)))
    return found


def _facts(run: Run, corpus: Corpus, curves: Curves) -> dict[str, str]:
    trained = run.config.get("corpus", {})
    machine, today = env(), date.today().isoformat()
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    return {
        "system": f"{run.system}, preset {run.config.get('preset', 'unknown')}",
        "parameters": f"{parameters:,}",
        "settings": _settings(run.model),
        "sampling rate": f"{run.rate} Hz",
        "trained on": f"{trained.get('name', 'unknown')}, {trained.get('seconds', 0) / 60:.1f} min",
        "licence of the data": trained.get("licence", "unknown"),
        "how the data were made": str(corpus.info.get("made", "unknown")),
        "training": f"{curves.steps:,} steps in {curves.seconds / 60:.1f} min",
        "evaluated": f"{today}, on {machine.machine}, {machine.cores} cores, {run.device}",
        "versions": f"typica {machine.versions['typica']}, torch {torch.__version__}",
    }


def _settings(model: Model) -> str:
    """Tell the settings of a model that differ from its system's defaults."""
    defaults = type(model.config)().to_dict()
    changed = {n: v for n, v in model.config.to_dict().items() if v != defaults[n]}
    words = ", ".join(f"{name} {value}" for name, value in changed.items())
    return f"{words}; the rest as by default" if words else "all as by default"


def _commands(run: Run, corpus: Corpus, curves: Curves) -> dict[str, str]:
    """Return what to do next, as commands by what they do."""
    training = run.config.get("training", {})
    more = f"--steps {2 * max(curves.steps, 1)}"
    if training.get("minutes"):
        more = f"--minutes {max(30, 2 * training['minutes']):g}"
    own = run.config.get("corpus", {})
    path = Path(own.get("path", corpus.path))
    data = _word(own.get("name", corpus.name), path if path.is_dir() else corpus.path, data_home())
    folder = run.path.parents[1] if run.path.parent.name == CHECKPOINTS else run.path
    name = _word(run.name, folder, runs_home())
    resume = f"typica train {run.system} --data {data} --name {name} --resume {more}"
    found = {
        "Make music": f"typica sample {name} --seconds 30 --count 4 --temperature 0.95 -o out/",
        "Train for longer": resume,
    }
    if isinstance(run.model, ExplicitModel):
        found["Ask how likely it finds a recording"] = f"typica score {name} recording.wav"
    return found | {"Make this report again": f"typica evaluate {name}"}


def _word(name: str, path: Path, home: Path) -> str:
    """Return what leads to a folder, for a shell: its name if it is that of `home`, or its path."""
    leads = (home / name).resolve() == path.resolve()
    return shlex.quote(name if leads else str(path))


def _notes(run: Run, corpus: Corpus, split: str) -> list[str]:
    """Tell what a reader must know before he believes the figures."""
    notes = []
    own = run.config.get("corpus", {})
    if own.get("fingerprint") != corpus.fingerprint:
        notes.append(
            f"The run was trained on {own.get('name', 'other data')} as it was then; what is "
            f"scored is {corpus.name}, which differs: some of it may have been trained on."
        )
    if split == "train":
        notes.append("The recordings scored are those it was trained on, not held out.")
    if isinstance(run.model, DiscreteAutoencoder):
        notes.append(
            f"It has no model of its codes. Samples are told codes drawn at random, each as "
            f"likely, and sound like it; {run.model.rate_bits:.3f} of the bits a sample pay for "
            f"such codes. A hierarchy learns them, and changes both."
        )
    return notes
