"""Choosing a checkpoint: letting all of a run play, and ranking them by how they fare."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from typica.core.cascade import Cascade
from typica.core.condition import required
from typica.core.drawable import Drawable, is_drawable
from typica.core.errors import ConfigError, DataError, RunError
from typica.core.files import digest, replacing, write_json
from typica.core.model import ExplicitModel
from typica.core.progress import SILENT, Progress
from typica.core.run import CHECKPOINTS, WEIGHTS, Run, checkpoints, find_run, load
from typica.data.of_run import corpus_of, held_out, unchanged_corpus
from typica.data.sound import write_audio
from typica.engines.compiler import compile
from typica.evaluation import figures
from typica.evaluation.audition_page import Program, write_page
from typica.evaluation.bits import Bits
from typica.evaluation.free_running import FreeRun
from typica.evaluation.ranking import LEAST_STREAMS, Audition, conclude, rank
from typica.evaluation.stage import USUAL, Course, Stage
from typica.streaming.monitoring import CALIBRATION_S

FORMAT = 5
FOLDER, RESULT = "audition", "result.json"


class Contestant(NamedTuple):
    """Weights that may be chosen.

    Attributes:
        name: As users call them, such as "step 4,000".
        step: Of the training; None for final weights that no checkpoint has.
        path: Their folder.
        weights: Their SHA-256.
    """

    name: str
    step: int | None
    path: Path
    weights: str


class Auditions(NamedTuple):
    """What was found of the checkpoints of a run.

    Attributes:
        page: An HTML file with players.
        program: What it shows: the checkpoints from the best to the worst.
    """

    page: Path
    program: Program


def audition(
    run: str | Path,
    *,
    data: str | None = None,
    split: str | None = None,
    course: Course = USUAL,
    out: Path | None = None,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Auditions:
    """Let all checkpoints of a run, and its final weights, play side by side, and rank them.

    What is found of weights is kept in the run's folder and not done again with the same
    settings. One model plays at a time.

    Args:
        run: A run.
        data: A corpus by name or folder; the one that the run was trained on if left out.
        split: Its recordings that each goes along; "valid" or, where that is empty, "test".
        course: How much is asked of each.
        out: Folder of the page; `audition` in the run's if left out.
        device: Where to compute.
        progress: Hears how far it is.

    Raises:
        RunError: The run is missing, or has no checkpoint that can be heard.
        ConfigError: The system does not play by itself, or too few clips are asked for.
        DataError: The corpus is missing, changed, or holds too little that was held out.
        MissingFeatureError: Matplotlib is not installed.
    """
    figures.check_matplotlib()
    _check_course(course)
    folder = find_run(run)
    folder = folder.parents[1] if folder.parent.name == CHECKPOINTS else folder
    contestants = _contestants(folder)
    first, unfit = _first(contestants, device)
    stage = _stage(first, data, split, course, progress)
    fit = [one for one in contestants if one.name not in unfit]
    found, failed = _hear_all(folder, fit, stage, device)
    left_out = unfit | failed
    for name, reason in left_out.items():
        progress.say(f"{name} is left out: {reason}")
    if not found:
        raise RunError(f"no checkpoint of {folder} can be heard: {next(iter(left_out.values()))}")
    program = _program(first, stage, found, left_out)
    return Auditions(write_page(program, out or folder / FOLDER), program)


def _check_course(course: Course) -> None:
    if course.clips < LEAST_STREAMS:
        raise ConfigError(
            f"at least {LEAST_STREAMS} clips are needed to tell checkpoints apart, "
            f"got {course.clips}"
        )
    if not 0 < course.clip_seconds < math.inf:
        raise ConfigError(f"clips must be longer than 0 s, got {course.clip_seconds:g}")
    for what, length in (("recordings", course.seconds), ("prompts", course.prompt_s)):
        if not 0 <= length < math.inf:
            raise ConfigError(f"seconds of {what} must be at least 0, got {length:g}")


def _stage(
    first: Run, data: str | None, split: str | None, course: Course, progress: Progress
) -> Stage:
    """Return what all checkpoints are put through."""
    corpus = corpus_of(first, data) if data else unchanged_corpus(first)
    is_own = corpus.fingerprint == first.config["corpus"].get("fingerprint")
    excerpts = held_out(corpus, CALIBRATION_S)
    return Stage(
        _player(first),
        corpus,
        split or excerpts[0].recording.split,
        excerpts,
        course,
        learnt=corpus.recordings("train") if is_own else (),
        progress=progress,
    )


def _contestants(folder: Path) -> list[Contestant]:
    """List the checkpoints of a run, oldest first, and its final weights; none twice."""
    found = []
    for path in checkpoints(folder):
        step = int(path.name.removeprefix("step-"))
        found.append(Contestant(f"step {step:,}", step, path, digest(path / WEIGHTS)))
    if not found:
        raise RunError(
            f"{folder} has no checkpoints to choose from: train it with --keep, "
            f"or evaluate its final weights without --checkpoints"
        )
    if (folder / WEIGHTS).exists():
        final = Contestant("final weights", None, folder, digest(folder / WEIGHTS))
        same = [one for one in found if one.weights == final.weights]
        found = [one for one in found if one not in same]
        if same:
            final = final._replace(name=f"{same[-1].name} (final)", step=same[-1].step)
        found.append(final)
    return found


def _first(contestants: Sequence[Contestant], device: str) -> tuple[Run, dict[str, str]]:
    """Open the first that can be opened; tell why others could not, by their names."""
    left_out = {}
    for one in contestants:
        try:
            opened = load(one.path, device)
            _player(opened)
        except RunError as error:
            left_out[one.name] = str(error)
        else:
            return opened, left_out
    raise RunError(f"no checkpoint can be opened: {next(iter(left_out.values()))}")


def _player(run: Run) -> Drawable:
    """Return the model of a run, if it plays by itself."""
    model, needs = run.model, required(run.model.needs)
    if not is_drawable(model) or needs:
        told = f"must be told {', '.join(needs)}" if needs else "makes no streams"
        has_bits = isinstance(model, ExplicitModel)
        mend = "evaluate each by typica evaluate" if has_bits else "listen to each by typica sample"
        raise ConfigError(
            f"{run.system} {told}, so its checkpoints cannot play by themselves: {mend}"
        )
    return model


def _hear_all(
    folder: Path, contestants: Sequence[Contestant], stage: Stage, device: str
) -> tuple[list[Audition], dict[str, str]]:
    """Hear one after another, or recall what was heard; tell why others could not be."""
    found, left_out = [], {}
    for number, one in enumerate(contestants, start=1):
        stage.progress.say(f"{one.name}, {number} of {len(contestants)}")
        try:
            found.append(_recall(folder, one, stage) or _hear(folder, one, stage, device))
        except (RunError, DataError) as error:  # such as one that training has removed by now
            left_out[one.name] = str(error)
    return found, left_out


def _program(
    first: Run, stage: Stage, found: Sequence[Audition], left_out: Mapping[str, str]
) -> Program:
    ranked = rank(found)
    return Program(
        name=first.name,
        rate=first.rate,
        ranked=ranked,
        sentences=conclude(ranked),
        expected_distance_db=stage.expected_distance_db,
        expected_silent=stage.expected_silent,
        expected_flatness=stage.expected_flatness,
        left_out=left_out,
        words=" ".join([stage.words, *_caution(first)]),
    )


def _caution(first: Run) -> list[str]:
    """Tell what the figures of a cascade are of, and of a model that has a bound alone or none."""
    model, found = _player(first), []
    if not isinstance(model, ExplicitModel):
        found.append("There are no bits, for it has no density; entropies are those of its codes.")
    elif model.density == "lower bound":
        found.append("Bits are at most so many: the likelihood has a lower bound alone.")
    if isinstance(model, Cascade):
        found.append("Bits are of all its levels, entropies of the lowest, told the codes above.")
    return found


def _hear(folder: Path, one: Contestant, stage: Stage, device: str) -> Audition:
    """Put a checkpoint through it all, and keep what was found and how it sounded."""
    run = load(one.path, device)
    engine = compile(_player(run), say=stage.progress.say)
    along = stage.along(engine)
    audio, free = stage.play(engine, along.heard)
    result = {
        "settings": _settings(stage),
        "bits": None if along.bits is None else asdict(along.bits),
        "entropy": along.entropy,
        "run": asdict(free),
        "expected_copied": stage.expected_copied,
    }
    with replacing(_place(folder, one)) as place:
        place.mkdir()
        for number, sound in enumerate(audio, start=1):
            write_audio(place / f"clip-{number}.wav", sound, run.rate)
        write_json(place / RESULT, result)
    return _audition(folder, one, result)


def _recall(folder: Path, one: Contestant, stage: Stage) -> Audition | None:
    """Return what was found of these weights before, if it was with the same settings."""
    try:
        result = json.loads((_place(folder, one) / RESULT).read_text("utf-8"))
        same = result["settings"] == _settings(stage)
        return _audition(folder, one, result) if same else None
    except (OSError, ValueError, KeyError, TypeError):  # missing or damaged: it is done again
        return None


def _audition(folder: Path, one: Contestant, result: dict[str, Any]) -> Audition:
    return Audition(
        name=one.name,
        step=one.step,
        path=str(one.path),
        weights=one.weights,
        bits=None if result["bits"] is None else Bits(**result["bits"]),
        entropy=result["entropy"],
        run=FreeRun.from_json(result["run"]),
        expected_copied=result["expected_copied"],
        clips=[str(path) for path in sorted(_place(folder, one).glob("clip-*.wav"), key=_number)],
    )


def _place(folder: Path, one: Contestant) -> Path:
    return folder / FOLDER / one.weights[:16]


def _settings(stage: Stage) -> dict[str, Any]:
    return {"format": FORMAT, **stage.settings}


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("clip-"))
