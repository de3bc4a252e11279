"""Training in memory: a model, batches, and no folder. For studies and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from typica.core.model import Model
from typica.core.phase import Batch
from typica.core.progress import SILENT, Progress
from typica.training.learner import Learner, own_randomness
from typica.training.processes import Processes
from typica.training.settings import PhaseConfig, TrainingConfig

TELL_EVERY = 20  # steps


def fit(
    model: Model,
    tensors: Mapping[str, Tensor],
    *,
    steps: int,
    batch: int,
    learning_rate: float = 1e-3,
    average: float = 0.99,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Model:
    """Train a model on examples that lie in memory.

    Args:
        model: Trained in place; every phase with the same settings.
        tensors: What a batch holds by name, as in {"image": (count, channels, height, width)};
            rows are drawn from all alike.
        steps: How many.
        batch: Examples of a step.
        learning_rate: At its height, which it begins at; it falls to 0 in the end.
        average: Decay of the running average of the weights.
        seed: Of the batches and of the noise within the model.
        progress: Hears how far it is.

    Returns:
        The running average, in evaluation mode.
    """
    phases = model.phases()
    settings = TrainingConfig(steps=steps, average=average, seed=seed)
    rates = {one.name: PhaseConfig(learning_rate=learning_rate) for one in phases}
    learner = Learner(model, phases, settings, rates, Processes(torch.device("cpu")))
    batches = list(_rows(len(next(iter(tensors.values()))), batch, seed, steps))

    def read(number: int) -> Batch:
        return {name: values[batches[number % steps]] for name, values in tensors.items()}

    name = type(model).__name__
    with own_randomness(torch.device("cpu")), progress.task(f"training {name}", steps) as task:
        for step in range(steps):
            terms = learner.step(read, step / steps)
            if step % TELL_EVERY == TELL_EVERY - 1:
                task.show(loss=float(next(iter(terms.values()))))
            task.advance()
    return learner.average.model.eval().requires_grad_(False)


def _rows(count: int, batch: int, seed: int, steps: int) -> Iterator[Tensor]:
    """Yield the rows of each batch: every row once before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(order) < batch:
            order = torch.cat([order, torch.randperm(count, generator=generator)])
        yield order[:batch]
        order = order[batch:]
