"""Train a system on a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from typica.core import registry
from typica.core.config import override, read_yaml
from typica.core.errors import RunError
from typica.core.progress import SILENT, Progress
from typica.core.run import CONFIG, WEIGHTS
from typica.data.corpus import Corpus, open_corpus
from typica.training import folder as folders
from typica.training.card import CARD, write_card
from typica.training.job import Job, check_example, describe
from typica.training.launch import Machines, launch
from typica.training.loop import Loop
from typica.training.population import (
    TABLE,
    check,
    evolve,
    refuse_changes,
    refuse_processes,
)
from typica.training.processes import Processes, join, launched
from typica.training.schedule import share_done
from typica.training.selection import PopulationConfig
from typica.training.start import ready

PRESET = "small"
TABLES_OF_THE_RUN = ("system", "preset", "rate", "corpus")


def train(
    system: str,
    data: str | Path,
    preset: str | None = None,
    settings: Sequence[str] = (),
    *,
    name: str | None = None,
    resume: bool = False,
    steps: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
    population: int | None = None,
    processes: int | None = None,
    machines: int = 1,
    machine_rank: int = 0,
    rendezvous: str | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Train a system and return the folder of the run.

    Args:
        system: Name of the system.
        data: A corpus, by its name or its folder.
        preset: Where the settings come from: "small" unless told otherwise; a run that is
            gone on with keeps its own.
        settings: Settings that replace the preset's, as in "model.channels=96".
        name: Name of the run's folder under `runs`; by default it tells system, corpus and time.
        resume: Go on with the run of that name, or with the newest of this system and corpus.
        steps: Stop after so many; shorthand for "training.steps".
        minutes: Stop after so long; shorthand for "training.minutes".
        device: "auto", "cpu", "cuda" or "mps".
        population: Train so many members that compete and keep the best; shorthand for
            "population.members".
        processes: Processes on this machine, each with batches of its own.
        machines: Machines that train together; the command is given on each.
        machine_rank: Number of this machine, from 0.
        rendezvous: Where the first machine is found by the others, as "host:port".
        progress: Hears how far it is.

    Raises:
        ConfigError: A setting is unknown, wrong, or does not fit the corpus.
        DataError: There is no such corpus, or nothing in it to train on.
        RunError: The run exists, or cannot be gone on with, or its loss is no longer a number.
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint was written first.
    """
    arguments: dict[str, Any] = {
        "system": system,
        "data": str(data),
        "preset": preset,
        "settings": [*settings, *_shorthand(steps, minutes, population)],
        "name": name,
        "resume": resume,
        "device": device,
    }
    together = Machines(processes or 1, machines, machine_rank, rendezvous)
    if population is not None:
        refuse_processes(together.world)
    if together.world > 1 and launched() is None:
        return Path(launch("typica.actions.train:work", arguments, together, progress))
    expected = None if processes is None else together.world
    return Path(work(**arguments, expected=expected, progress=progress))


def work(
    system: str,
    data: str,
    preset: str | None,
    settings: list[str],
    name: str | None,
    resume: bool,
    device: str,
    expected: int | None,
    progress: Progress,
) -> str:
    """Do one process's part of a training and return the folder of the run."""
    with join(device, expected) as processes:
        progress = progress if processes.first else SILENT
        check_example(system)
        corpus = open_corpus(data)
        folder = _folder(system, corpus, name, resume, processes)
        before = read_yaml(folder / CONFIG) if resume else {}
        tables, preset = _tables(system, preset, before)
        tables = override(tables, settings)
        table = tables.pop(TABLE, None)
        population = None if table is None else PopulationConfig.from_dict(table, TABLE)
        job = describe(system, preset, tables, corpus, processes.device)
        if population is not None:
            check(job, population, processes)  # before the folder is made
        with folders.alone(folder) if processes.first else nullcontext():
            if population is None:
                _run(folder, job, before, processes, progress)
            else:
                _evolve(folder, job, population, before, processes, progress)
        return str(folder)


def _run(
    folder: Path, job: Job, before: dict[str, Any], processes: Processes, progress: Progress
) -> None:
    _open(folder, job.config(), before, processes, progress)
    loop = ready(job, folder, processes, progress)
    done = share_done(job.settings.training, loop.learner.steps, loop.elapsed_s) >= 1
    # One that was stopped after its last step lacks its weights or its card: it ends now.
    if done and all((folder / name).exists() for name in (WEIGHTS, CARD)):
        raise RunError(
            f"{folder} has finished its training, {loop.learner.steps} steps in "
            f"{loop.elapsed_s / 60:.1f} minutes: give it more with --steps or --minutes"
        )
    if processes.first:
        folders.forget_final(folder)
        (folder / CARD).unlink(missing_ok=True)
    loop.run()
    if processes.first:
        write_card(folder, loop, job.config())


def _evolve(
    folder: Path,
    job: Job,
    population: PopulationConfig,
    before: dict[str, Any],
    processes: Processes,
    progress: Progress,
) -> None:
    config = job.config() | {TABLE: population.to_dict()}
    refuse_changes(folder, before, config, job)
    _open(folder, config, before, processes, progress)
    evolved = evolve(job, population, folder, processes=processes, progress=progress)
    learner, draw = evolved.best
    examples = job.settings.data.batch * job.settings.training.accumulate
    loop = Loop(learner, draw, examples, folder, config, evolved.elapsed_s)
    loop.held_out_bits = evolved.bits
    write_card(folder, loop, config)


def _shorthand(steps: int | None, minutes: float | None, population: int | None) -> list[str]:
    given = {
        "training.steps": steps,
        "training.minutes": minutes,
        f"{TABLE}.members": population,
    }
    return [f"{name}={value}" for name, value in given.items() if value is not None]


def _folder(
    system: str, corpus: Corpus, name: str | None, resume: bool, processes: Processes
) -> Path:
    """Return the run's folder, the same for all processes."""
    if resume:
        return folders.to_resume(name, system, corpus.name)
    name = processes.agree_on(name or folders.new_name(system, corpus.name))
    path = folders.to_begin(name) if processes.first else folders.runs_home() / name
    processes.wait()  # the first makes it only when all have looked
    return path


def _tables(system: str, preset: str | None, before: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the settings to begin from: the run's own, or a preset's."""
    if before and preset is None:
        own = {n: table for n, table in before.items() if n not in TABLES_OF_THE_RUN}
        if before["system"] == system:
            return own, before["preset"]
    preset = preset or PRESET
    return registry.preset(system, preset), preset


def _open(
    folder: Path,
    config: dict[str, Any],
    before: dict[str, Any],
    processes: Processes,
    progress: Progress,
) -> None:
    """Write the run's settings, or see that they still fit the run."""
    if before:
        folders.check_same(folder, before, config)
        for setting, was, now in folders.differences(before, config):
            progress.say(f"{setting} was {was} and is now {now}")
    progress.say(f"the run is kept in {folder}")
    if processes.first:
        folders.write_config(folder, config)
    processes.wait()
