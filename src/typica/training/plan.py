"""What a training will take, measured by really running a step or two of it."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from typica.core.phase import Batch
from typica.training.job import Job
from typica.training.learner import Learner, own_randomness
from typica.training.memory import Growth, SavedTensors, free_bytes
from typica.training.processes import Processes
from typica.training.settings import TrainingConfig

MEASURED_S = 10.0  # steps are timed until so long has gone by ...
MEASURED_STEPS = 5  # ... or so many were taken
LINE_BYTES = 250  # of the log and of TensorBoard's, a line together
SPARE = 0.8  # of the free memory may be filled to find out the time


@dataclass(frozen=True)
class Plan:
    """What a training will take.

    Attributes:
        parameters: Numbers that are learnt.
        weights_bytes: Memory of the weights and buffers.
        gradients_bytes: Of the gradients.
        optimiser_bytes: Of Adam's two averages.
        average_bytes: Of the averaged weights.
        activations_bytes: What a step keeps for its backward pass, counted while one ran.
        working_bytes: What the steps took beyond that, as measured; None where the device does
            not tell or whole batches were not run.
        memory_bytes: All of these.
        free_bytes: Free memory of the device; None where it does not tell.
        checkpoint_bytes: One checkpoint.
        disk_bytes: All that the run's folder will hold.
        step_s: Seconds of a step on this machine.
        step_was_scaled: Whether `step_s` is that of one example, multiplied: a whole batch
            would not have fitted.
        steps: Steps until the end.
        training_s: Seconds until the end; looks at held-out audio and samples come on top.
        audio_s: Seconds of audio that will be heard.
        epochs: How often that is the corpus.
    """

    parameters: int
    weights_bytes: int
    gradients_bytes: int
    optimiser_bytes: int
    average_bytes: int
    activations_bytes: int
    working_bytes: int | None
    memory_bytes: int
    free_bytes: int | None
    checkpoint_bytes: int
    disk_bytes: int
    step_s: float
    step_was_scaled: bool
    steps: int
    training_s: float
    audio_s: float
    epochs: float

    @property
    def fits(self) -> bool:
        """Whether the memory suffices, as far as can be told."""
        return self.free_bytes is None or self.memory_bytes < self.free_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name."""
        return asdict(self) | {"fits": self.fits}


def measure(job: Job, device: torch.device) -> Plan:
    """Run a step of each stage on one example and, where memory allows, a few on whole batches."""
    settings, rate = job.settings, job.corpus.rate
    training, batch = settings.training, settings.data.batch
    learner = Learner(job.model, job.phases, training, settings.phases, Processes(device))
    starts = [0.0, *learner.ends[:-1]]
    with own_randomness(device):
        stages = [_measure_stage(job, learner, number, at) for number, at in enumerate(starts)]
    counts = _steps(training, [one.step_s for one in stages], learner.ends)
    steps = max(1, round(sum(counts)))
    training_s = sum(count * one.step_s for count, one in zip(counts, stages, strict=True))
    samples = sum(count * one.crop for count, one in zip(counts, stages, strict=True))
    audio_s = samples * batch * training.accumulate / rate
    sizes = _sizes(learner) | {"activations_bytes": max(one.activations for one in stages)}
    measured = [one.working for one in stages if one.working is not None]
    working = max(measured) if len(measured) == len(stages) else None
    kept = sizes["weights_bytes"] + sizes["average_bytes"] + sizes["optimiser_bytes"]
    return Plan(
        parameters=sum(parameter.numel() for parameter in job.model.parameters()),
        **sizes,
        working_bytes=working,
        memory_bytes=sum(sizes.values()) + (working or 0),
        free_bytes=free_bytes(device),
        checkpoint_bytes=kept,
        disk_bytes=_disk_bytes(job, steps, kept, sizes["average_bytes"]),
        step_s=training_s / steps,
        step_was_scaled=any(one.scaled for one in stages),
        steps=steps,
        training_s=training_s,
        audio_s=audio_s,
        epochs=audio_s / job.corpus.seconds("train"),
    )


class _Stage(NamedTuple):
    """What a stage takes: bytes, None where they could not be measured, and seconds a step."""

    crop: int
    activations: int
    working: int | None
    step_s: float
    scaled: bool


def _measure_stage(job: Job, learner: Learner, number: int, start: float) -> _Stage:
    crops = job.crops("train", number, seed=job.settings.training.seed)
    device, batch = learner.processes.device, job.settings.data.batch

    def first(number: int) -> Batch:
        return _first(crops.batch(number))

    saved = SavedTensors(learner.model)
    with saved:
        one_s = _seconds(lambda: learner.step(first, start))
    learner.carried.clear()  # what one example left behind is no past of a whole batch
    activations = saved.peak * batch
    free, memory = free_bytes(device), sum(_sizes(learner).values()) + activations
    scaled = free is not None and memory > SPARE * free
    with Growth(device) as growth:
        step_s = one_s * batch if scaled else _step_seconds(learner, crops.batch, start)
    known = growth.peak is not None and not scaled
    working = max(0, (growth.peak or 0) - activations) if known else None
    return _Stage(crops.length, activations, working, step_s, scaled)


def _steps(training: TrainingConfig, steps_s: list[float], ends: list[float]) -> list[float]:
    """Return the steps of each stage: it ends with its share of the steps or of the minutes."""
    limit_s = 60 * training.minutes if training.minutes else math.inf
    counts: list[float] = []
    begun_s = 0.0
    for step_s, end in zip(steps_s, ends, strict=True):
        left = end * training.steps - sum(counts), (end * limit_s - begun_s) / step_s
        counts.append(max(0.0, min(left)))
        begun_s += counts[-1] * step_s
    return counts


def _first(batch: Batch) -> Batch:
    """Return a batch of one example."""
    first = dict(batch) | {"audio": batch["audio"][:1]}
    if "length" in batch:
        first["length"] = batch["length"][:1]
    if "condition" in batch:
        tracks = batch["condition"].items()
        first["condition"] = {name: t._replace(values=t.values[:1]) for name, t in tracks}
    return first


def _sizes(learner: Learner) -> dict[str, int]:
    moments = [
        value
        for optimiser in learner.optimisers.values()
        for state in optimiser.state.values()
        for value in state
    ]
    parameters, buffers = list(learner.model.parameters()), list(learner.model.buffers())
    averaged = learner.average.model
    return {
        "weights_bytes": _bytes([*parameters, *buffers]),
        "gradients_bytes": _bytes(parameters),
        "optimiser_bytes": _bytes(moments),
        "average_bytes": _bytes([*averaged.parameters(), *averaged.buffers()]),
    }


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _step_seconds(learner: Learner, draw: Callable[[int], Batch], done: float) -> float:
    """Return the median seconds of a step; the first, which warms up, counts only if slow."""
    times = [_seconds(lambda: learner.step(draw, done))]
    while sum(times) < MEASURED_S and len(times) <= MEASURED_STEPS:
        times.append(_seconds(lambda: learner.step(draw, done)))
    return statistics.median(times[1:] or times)


def _seconds(act: Callable[[], dict[str, Tensor]]) -> float:
    began = time.perf_counter()
    for value in act().values():
        value.item()  # until the device has come so far
    return time.perf_counter() - began


def _disk_bytes(job: Job, steps: int, checkpoint: int, final: int) -> int:
    training = job.settings.training
    # One more than is kept: the oldest goes when the newest has been written.
    checkpoints = checkpoint * (training.keep + 1) + final
    lines = LINE_BYTES * steps // training.log_every
    samples = steps // training.sample_every if training.sample_every else 0
    # As a file, and in TensorBoard's log once more; two bytes a sample.
    sound = round(samples * 2 * 2 * training.sample_seconds * job.corpus.rate)
    return checkpoints + lines + sound
