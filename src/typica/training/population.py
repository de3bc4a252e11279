"""Training a population on a corpus, and keeping it in the folder of one run.

Members are kept under `members/0`, `members/1`, ... after each look, and what was kept before only
goes when all of them are on the disk; the run's own weights are the best member's.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from typica.core import registry
from typica.core.config import read_yaml, selected
from typica.core.errors import ConfigError, DataError, RunError
from typica.core.files import replacing
from typica.core.model import ExplicitModel
from typica.core.progress import SILENT, Progress, Task
from typica.core.randomness import seeded_globally
from typica.core.run import CONFIG, WEIGHTS, checkpoints
from typica.training import checkpoint
from typica.training.card import CARD
from typica.training.exploring import OF_A_PHASE, chosen, put
from typica.training.fitness import fitness
from typica.training.folder import differences
from typica.training.interruption import Interruption
from typica.training.job import Job
from typica.training.learner import Draw, Learner
from typica.training.processes import Processes
from typica.training.record import LOG, Record
from typica.training.selection import Look, Member, Population, PopulationConfig, held_bytes
from typica.training.start import draw_of, held_out_crops

MEMBERS, HISTORY, TABLE = "members", "population.jsonl", "population"


class Evolved(NamedTuple):
    """A population at the end of its training.

    Attributes:
        population: All members.
        history: What each look showed, as `Look.to_dict` gives it.
        elapsed_s: Seconds that it took, those before it was gone on with too.
    """

    population: Population
    history: list[dict[str, Any]]
    elapsed_s: float

    @property
    def best(self) -> Member:
        """The fittest member at the last look."""
        return self.population.members[self.history[-1]["best"]]

    @property
    def bits(self) -> float:
        """Its held-out bits a sample."""
        return self.history[-1]["members"][self.history[-1]["best"]]["bits"]


def evolve(
    job: Job,
    config: PopulationConfig | None = None,
    folder: Path | None = None,
    *,
    processes: Processes | None = None,
    progress: Progress = SILENT,
) -> Evolved:
    """Train a population on a job's corpus, for the job's steps each; go on where a folder stands.

    Members differ in the seed of their first weights and in the explored hyper-parameters; the
    first has the job's. They see the same batches.

    Args:
        job: What each member is trained on and by.
        config: How they compete.
        folder: The run's, where members, history and in the end the best's weights are kept;
            None keeps nothing.
        processes: The one process that trains.
        progress: Hears how far it is.

    Raises:
        ConfigError: Several processes, a limit in minutes, a model without a density, or a
            hyper-parameter that cannot be explored.
        DataError: The corpus has no held-out recordings to judge by.
        RunError: The folder's training is over, or no step of all its members is whole.
        KeyboardInterrupt: Ctrl-C was pressed; the last look is kept.
    """
    config = config or PopulationConfig()
    processes = processes or Processes(next(job.model.parameters()).device)
    population = assemble(job, config, processes)
    keeper = Keeper(folder, population, job.config() | {TABLE: config.to_dict()})
    keeper.go_on(progress)
    size = len(population.members) * held_bytes(population.members[0].learner)
    progress.say(
        f"{len(population.members)} members that differ in their first weights and in "
        f"{', '.join(population.explored)}: {size / 2**20:.0f} MiB between their turns"
    )
    steps = job.settings.training.steps
    if steps <= config.every:
        progress.say(
            f"members never take over one another: {steps} steps end with the first look; for "
            f"more of them --set population.every=N"
        )
    with keeper.recording():
        _run(population, keeper, progress)
    return Evolved(population, keeper.history, keeper.elapsed_s)


def assemble(job: Job, config: PopulationConfig, processes: Processes) -> Population:
    """Build the members of a population, before their first step; raises as `evolve` does."""
    crops = check(job, config, processes)
    jobs = [job, *(_reseeded(job, number) for number in range(1, config.members))]
    members = [_member(one, processes) for one in jobs]
    judge = partial(
        fitness,
        draw=crops[0],
        batches=crops[1],
        device=processes.device,
        weight=config.use_weight,
    )
    return Population(members, judge, config, job.settings.training.seed)


def check(job: Job, config: PopulationConfig, processes: Processes) -> tuple[Draw, int]:
    """Refuse what a population cannot be trained by; return what it is judged by.

    Raises:
        ConfigError: See `evolve`; so does DataError.
    """
    refuse_processes(processes.world)
    if job.settings.training.minutes is not None:
        raise ConfigError(
            "members of a population take as many steps each, so minutes cannot limit them: "
            "--steps N --set training.minutes=null"
        )
    if not isinstance(job.model, ExplicitModel):
        raise ConfigError(f"{job.system} has no density, by which members would be compared")
    chosen(job.model, job.settings.phases, config.explore)
    crops = held_out_crops(job)
    if crops is None:
        raise DataError(
            f"a population is judged by held-out recordings and {job.corpus.name} has none as long "
            f"as a crop: prepare it with more"
        )
    return crops


def refuse_processes(world: int) -> None:
    """Refuse several processes.

    Raises:
        ConfigError: There are.
    """
    if world > 1:
        raise ConfigError(
            f"a population is trained by one process and {world} were asked for: leave out "
            f"--processes and --machines"
        )


def refuse_changes(
    folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], job: Job
) -> None:
    """Refuse to go on with other settings where members have values of their own.

    Args:
        folder: Of the run.
        before: Its settings; none of one that begins.
        now: Those to go on with.
        job: With the phases that they are of.

    Raises:
        RunError: One differs that members explore.
    """
    if TABLE not in before:
        return
    listed = before[TABLE]["explore"]
    own = [f"{phase.name}.{setting}" for phase in job.phases for setting in OF_A_PHASE]
    for name, _, _ in differences(before, now):
        if name in own and (not listed or name in listed):
            raise RunError(f"the members of {folder} have a {name} of their own: leave it out")


def _reseeded(job: Job, number: int) -> Job:
    """Return a job with other first weights."""
    model = job.model
    with seeded_globally(job.settings.training.seed + number):
        other = registry.from_settings(job.system, model.config.to_dict())
    other = other.to(next(model.parameters()).device)
    return dataclasses.replace(job, model=other, phases=list(other.phases()))


def _member(job: Job, processes: Processes) -> Member:
    settings = job.settings
    learner = Learner(job.model, job.phases, settings.training, settings.phases, processes)
    return Member(learner, draw_of(job, learner, processes))


def _run(population: Population, keeper: Keeper, progress: Progress) -> None:
    """Let members take their turns and compete until all steps are taken."""
    steps, every = population.members[0].learner.config.steps, population.config.every
    total = len(population.members) * steps
    with Interruption() as asked, progress.task("training", total, "steps") as task:
        task.advance(len(population.members) * population.members[0].learner.steps)
        over = False
        while not over:
            until = min(steps, (population.members[0].learner.steps // every + 1) * every)
            population.advance(until, after=partial(_after, task, asked, keeper, progress))
            over = until == steps
            look = population.compete(last=over)
            keeper.keep(look)
            progress.say(_told(look))
    keeper.finish(look)


def _after(task: Task, asked: Interruption, keeper: Keeper, progress: Progress) -> None:
    task.advance(1)
    if asked.asked:
        progress.say(f"members go on from their last look, after step {keeper.step}")
        asked.leave()


def _told(look: Look) -> str:
    best = look.fitness[look.best]
    used = "" if best.perplexity is None else f", a perplexity of codes of {best.perplexity:.1f}"
    taken = [f"{worse} takes over {better}" for worse, better in look.copied.items()]
    start = f"step {look.step}: member {look.best} is the best, {best.bits:.3f} bits a sample{used}"
    return "; ".join([start, *taken])


class Keeper:
    """Keeps a population in the folder of a run, or nowhere.

    Attributes:
        history: What each look so far showed.
        step: After which members are kept.
        elapsed_s: Seconds until then.
    """

    def __init__(
        self, folder: Path | None, population: Population, config: Mapping[str, Any]
    ) -> None:
        self.folder, self.population, self.config = folder, population, dict(config)
        self.history: list[dict[str, Any]] = []
        self.step, self.elapsed_s = 0, 0.0
        self._marked_s = time.monotonic()
        self._record: Record | None = None

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep the run's log open, from the step gone on from."""
        if self.folder is None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.population.members[0].learner.config.steps
        self._record = Record(self.folder, min(self.step, last - 1))  # the last look is anew
        try:
            yield
        finally:
            self._record.close()

    def go_on(self, progress: Progress = SILENT) -> None:
        """Restore the newest step at which all members are whole, if there are checkpoints.

        Raises:
            RunError: Members have checkpoints, but none of the same step; or training is over.
        """
        if self.folder is None:
            return
        if len(self._looks()) <= 1 and not all(map(checkpoints, self._folders())):
            return  # not one look was kept to its end
        whole = [_whole(folder, progress) for folder in self._folders()]
        steps = set[int].intersection(*map(set, whole))
        if not steps:
            raise RunError(f"no step of all members of {self.folder} is whole: --name another run")
        self.step = max(steps)
        self._refuse_finished()
        for places, member in zip(whole, self.population.members, strict=True):
            self.elapsed_s = self._restore(places[self.step], member.learner)
        self.history = self._until_now()
        for name in (WEIGHTS, CARD):  # of a shorter training: it is not over any more
            (self.folder / name).unlink(missing_ok=True)
        progress.say(f"going on after step {self.step} of each member of {self.folder}")

    def keep(self, look: Look) -> None:
        """Keep what a look showed, and all members as they are after it.

        Raises:
            DiskError: The disk is full.
        """
        now = time.monotonic()
        self.elapsed_s, self._marked_s = self.elapsed_s + now - self._marked_s, now
        self.history.append(look.to_dict())
        if self.folder is None:
            return
        with replacing(self.folder / LOG / HISTORY) as place:
            place.write_text("".join(json.dumps(line) + "\n" for line in self.history))
        for folder, member in zip(self._folders(), self.population.members, strict=True):
            learner = member.learner
            config = self._config(learner)
            checkpoint.write(folder, learner, config, self.elapsed_s, learner.carried)
        for folder in self._folders():  # only now: until all are written the last look is needed
            checkpoint.prune(folder, 1)
        self.step = look.step
        if self._record:
            best = look.fitness[look.best]
            used = {} if best.perplexity is None else {"valid/perplexity": best.perplexity}
            figures = {"valid/bits": best.bits, **used, "seconds": self.elapsed_s}
            self._record.figures(look.step, figures)

    def finish(self, look: Look) -> None:
        """Write the best member's averaged weights as the run's."""
        if self.folder is not None:
            best = self.population.members[look.best].learner
            checkpoint.write_final(self.folder, best, self.config)

    def _folders(self) -> list[Path]:
        assert self.folder is not None
        return [self.folder / MEMBERS / str(n) for n in range(len(self.population.members))]

    def _config(self, learner: Learner) -> dict[str, Any]:
        """Return the run's tables with a member's own hyper-parameters."""
        phases = {name: table.to_dict() for name, table in learner.phase_configs.items()}
        return self.config | {"model": learner.model.config.to_dict()} | phases

    def _restore(self, path: Path, learner: Learner) -> float:
        elapsed_s = checkpoint.restore(path, learner)
        tables = read_yaml(path / CONFIG)
        for name in self.population.explored:
            number = selected(tables, name)
            if number is not None:  # a default that no member has moved away from is not written
                put(learner, name, number)
        return elapsed_s

    def _looks(self) -> list[dict[str, Any]]:
        """Return all looks that were written down."""
        assert self.folder is not None
        path = self.folder / LOG / HISTORY
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []

    def _until_now(self) -> list[dict[str, Any]]:
        """Return the looks until the step gone on from; the one that ends this training not."""
        steps = self.population.members[0].learner.config.steps
        looks = self._looks()
        return [look for look in looks if look["step"] <= self.step and look["step"] < steps]

    def _refuse_finished(self) -> None:
        assert self.folder is not None
        over = self.step >= self.population.members[0].learner.config.steps
        if over and all((self.folder / name).exists() for name in (WEIGHTS, CARD)):
            raise RunError(
                f"{self.folder} has finished its training, {self.step} steps of each member: give "
                f"it more with --steps"
            )


def _whole(folder: Path, progress: Progress) -> dict[int, Path]:
    """Return a member's checkpoints that are whole, by their step."""
    found = {}
    for path in checkpoints(folder):
        try:
            checkpoint.verify(path)
        except RunError as error:
            progress.say(str(error))
            continue
        found[json.loads((path / checkpoint.STATE).read_text())["steps"]] = path
    return found
