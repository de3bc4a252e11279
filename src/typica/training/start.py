"""Putting a training together: from a job and a folder to a loop that is ready to run."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from typica.core.coder import DiscreteAutoencoder, drawing_part
from typica.core.condition import to_device
from typica.core.errors import RunError
from typica.core.model import ExplicitModel, Model
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded
from typica.core.run import checkpoints
from typica.decoding.sampling import draw_audio
from typica.engines.compiler import engine_for
from typica.training import checkpoint
from typica.training.held_out import held_out_bits
from typica.training.job import Job
from typica.training.learner import Draw, Learner
from typica.training.loop import Judge, Loop, Sampler
from typica.training.processes import Processes


def ready(job: Job, folder: Path, processes: Processes, progress: Progress = SILENT) -> Loop:
    """Return the loop of a job, standing where the newest checkpoint of its folder stands.

    Raises:
        RunError: There are checkpoints, but none of them is whole.
    """
    settings = job.settings
    learner = Learner(job.model, job.phases, settings.training, settings.phases, processes)
    elapsed_s = go_on(folder, learner, progress)
    return Loop(
        learner,
        draw_of(job, learner, processes),
        settings.data.batch * settings.training.accumulate * processes.world,
        folder,
        job.config(),
        elapsed_s,
        judge=_judge(job, learner.average.model, processes.device, progress),
        sampler=_sampler(job, learner.average.model, processes.device),
        progress=progress,
    )


def go_on(folder: Path, learner: Learner, progress: Progress = SILENT) -> float:
    """Restore the newest whole checkpoint, if there is any; return the seconds behind it.

    Raises:
        RunError: There are checkpoints, but none of them is whole.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            checkpoint.verify(path)
        except RunError as error:
            progress.say(str(error))
            continue
        elapsed_s = checkpoint.restore(path, learner)
        progress.say(f"going on after step {learner.steps} of {folder}")
        return elapsed_s
    if found:
        raise RunError(f"no checkpoint of {folder} is whole: --name another run")
    return 0.0


def draw_of(job: Job, learner: Learner, processes: Processes) -> Draw:
    """Return what gives the batches of the stage that a learner is in."""
    stages = [
        job.crops(
            *("train", stage),
            seed=job.settings.training.seed,
            rank=processes.rank,
            world=processes.world,
        )
        for stage in range(1 + max(phase.stage for phase in job.phases))
    ]
    return lambda number: stages[learner.stage].batch(number)


def _judge(job: Job, model: Model, device: torch.device, progress: Progress) -> Judge | None:
    if not isinstance(model, ExplicitModel):
        progress.say(f"{job.system} has no density: held-out audio is not scored")
        return None
    progress.say(f"bits a sample are of {model.base_measure}{_reservation(model)}")
    crops = held_out_crops(job, progress)
    return crops and (lambda: held_out_bits(model, *crops, device))


def _reservation(model: ExplicitModel) -> str:
    """Tell what is to be known of a model's bits, behind their base measure."""
    if isinstance(model, DiscreteAutoencoder):
        return f", at most; codes cost {model.rate_bits:.3f} bits a sample, each as likely"
    return ", at most" if model.density == "lower bound" else ""


def held_out_crops(job: Job, progress: Progress = SILENT) -> tuple[Draw, int] | None:
    """Return what gives held-out batches, and how many are looked at; None where there are none."""
    data, name = job.settings.data, job.corpus.name
    recordings = job.corpus.recordings("valid")
    if not recordings:
        progress.say(f"{name} has no held-out recordings: nothing will warn of overfitting")
        return None
    if max(recording.length for recording in recordings) < data.crop:
        progress.say(f"held-out recordings of {name} are shorter than a crop: none is scored")
        return None
    seconds = job.settings.training.validate_seconds
    batches = max(1, round(seconds * job.corpus.rate / (data.crop * data.batch)))
    return job.crops("valid").batch, batches


def _sampler(job: Job, model: Model, device: torch.device) -> Sampler:
    length = round(job.settings.training.sample_seconds * job.corpus.rate)

    def sample() -> Tensor:
        condition = to_device(job.condition(length), device)
        generator = seeded(job.settings.training.seed, device)
        settings = {"generator": generator, "condition": condition}
        # Made anew each time: it holds the weights as they are now.
        return draw_audio(model, 1, length, engine=engine_for(drawing_part(model)), **settings)[0]

    return sample
