"""Checkpoints: all that a training needs to go on as if it had never stopped.

A checkpoint is a folder that can be sampled from like a finished run (its weights are the
averaged ones) and that also holds the weights as the optimisers left them, the optimisers'
moments and the numbers that say how far training was. Nothing in it is pickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from typica.core import run
from typica.core.carrying import Carried
from typica.core.engine_state import Saved, read_state, write_state
from typica.core.errors import RunError
from typica.core.files import DiskError, digest, replacing
from typica.training.learner import Learner

LIVE, OPTIMISER, STATE = "live.safetensors", "optimizer.safetensors", "state.json"
CARRIED = "carried-"  # and a phase's name
NOTHING: Mapping[str, Carried] = {}


def place_of(folder: Path, step: int) -> Path:
    """Return where a run keeps the checkpoint of a step."""
    return folder / run.CHECKPOINTS / f"step-{step:08d}"


def write(
    folder: Path,
    learner: Learner,
    config: dict[str, Any],
    elapsed_s: float,
    carried: Mapping[str, Carried] = NOTHING,
) -> Path:
    """Write a checkpoint of a run, whole or not at all.

    Args:
        folder: The run's.
        learner: What is kept.
        config: Tables of the run's `config.yaml`.
        elapsed_s: Seconds that the training has taken.
        carried: What all processes carry to their next batches, by phase.

    Raises:
        DiskError: The disk is full or may not be written to.
    """
    path = place_of(folder, learner.steps)
    with _writing(path) as place:
        place.mkdir()
        _fill(place, learner, config, elapsed_s, carried)
        _settle(place)
    return path


def write_final(folder: Path, learner: Learner, config: dict[str, Any]) -> None:
    """Write the averaged weights into the run's own folder.

    Raises:
        DiskError: The disk is full or may not be written to.
    """
    with _writing(folder / run.WEIGHTS) as place:
        run.write_model(place.parent, learner.average.model, config)
        _settle(place.parent)
        # Until the weights are in place a reader takes the last checkpoint, never a mixture.
        (folder / run.WEIGHTS).unlink(missing_ok=True)
        for name in (run.CONFIG, run.MANIFEST):
            os.replace(place.with_name(name), folder / name)


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest checkpoints, and what a killed process left half-written."""
    for path in [*run.checkpoints(folder)[:-keep], *folder.glob(f"{run.CHECKPOINTS}/.step-*")]:
        shutil.rmtree(path, ignore_errors=True)


def restore(path: Path, learner: Learner) -> float:
    """Put a learner where it was when a checkpoint was written.

    Returns:
        The seconds that the training had taken.

    Raises:
        RunError: A file is missing, damaged, or belongs to another model; the learner may
            then be half restored.
    """
    verify(path)
    run.read_weights(learner.model, path / LIVE)
    run.read_weights(learner.average.model, path / run.WEIGHTS)
    state = json.loads((path / STATE).read_text())
    moments = _read_tensors(path / OPTIMISER)
    for phase, optimiser in learner.optimisers.items():
        start = f"{phase}/"
        own = {n.removeprefix(start): value for n, value in moments.items() if n.startswith(start)}
        optimiser.restore(own)
    learner.steps, learner.average.updates = state["steps"], state["averaged"]
    learner.carried = _read_carried(path, learner)
    learner.began = state.get("began", [0])  # checkpoints of one stage did not always tell
    return state["elapsed_s"]


def verify(path: Path) -> None:
    """Refuse a checkpoint whose files are not those its manifest speaks of.

    Raises:
        RunError: One is missing or was changed.
    """
    manifest = path / run.MANIFEST
    expected = json.loads(manifest.read_text()) if manifest.is_file() else {}
    carried = [name for name in expected if name.startswith(CARRIED)]
    for name in (run.CONFIG, run.WEIGHTS, LIVE, OPTIMISER, STATE, *carried):
        file = path / name
        if not file.is_file() or digest(file) != expected.get(name):
            raise RunError(f"{file} is missing, damaged or was changed: take another checkpoint")


def _fill(
    place: Path,
    learner: Learner,
    config: dict[str, Any],
    elapsed_s: float,
    carried: Mapping[str, Carried],
) -> None:
    from safetensors.torch import save_file, save_model

    run.write_model(place, learner.average.model, config)
    save_model(learner.model, str(place / LIVE))
    moments = {
        f"{phase}/{name}": value
        for phase, optimiser in learner.optimisers.items()
        for name, value in optimiser.tensors().items()
    }
    save_file(moments, str(place / OPTIMISER))
    state = {
        "steps": learner.steps,
        "averaged": learner.average.updates,
        "began": learner.began,
        "elapsed_s": elapsed_s,
        "processes": learner.processes.world,
    }
    (place / STATE).write_text(json.dumps(state, indent=2) + "\n")
    manifest = json.loads((place / run.MANIFEST).read_text())
    for phase, rows in carried.items():
        saved = Saved(rows.previous, (rows.state, rows.places))
        write_state(place / carried_name(phase), saved, str(learner.steps))
    names = (LIVE, OPTIMISER, STATE, *map(carried_name, carried))
    manifest |= {name: digest(place / name) for name in names}
    (place / run.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(str(path))


def carried_name(phase: str) -> str:
    """Return the name of the file of what a phase carries."""
    return f"{CARRIED}{phase}.safetensors"


def _read_carried(path: Path, learner: Learner) -> dict[str, Carried]:
    """Return this process's rows of what was carried, by phase."""
    types = getattr(learner.model, "state_types", ())
    found = {}
    for phase in learner.optimisers:
        file = path / carried_name(phase)
        if file.is_file():
            previous, (state, places), _ = read_state(file, str(learner.steps), types)
            carried = Carried(previous, state, places).on(learner.processes.device)
            found[phase] = carried.part(learner.processes.rank, learner.processes.world)
    return found


def _settle(place: Path) -> None:
    """See that what was written is on the disk before it is called whole."""
    for file in place.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Give a place beside `path`, and say in one sentence why it could not be written."""
    try:
        with replacing(path) as place:
            try:
                yield place
            except SafetensorError as error:
                raise _system_error(error) from error
    except DiskError as error:
        raise DiskError(f"{error}: make room and go on with --resume") from error


def _system_error(error: SafetensorError) -> OSError:
    """Return the error of the disk that is told within safetensors' own."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))
