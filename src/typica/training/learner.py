"""A model and all that a training step moves: its optimisers and its average."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from typica.core.carrying import Carried, CarryingPhase
from typica.core.condition import to_device
from typica.core.model import Model
from typica.core.phase import Batch, Phase
from typica.training.averaging import Average
from typica.training.optimisers import Adam
from typica.training.processes import Processes
from typica.training.schedule import learning_rate, share_of_stage, stage_at, stage_ends
from typica.training.settings import PhaseConfig, TrainingConfig

Draw = Callable[[int], Batch]
"""From a number to a batch, always the same one for the same number."""


class Learner:
    """A model in training.

    Attributes:
        model: The weights as the optimisers leave them, on the processes' device.
        phases: The turns of a step.
        average: Their running average.
        optimisers: One a phase, by its name.
        steps: How many steps have been taken.
        began: How many had been when each stage began, of those that have begun.
        ends: Share of the training after which each stage is over.
        carried: What the last batch of a phase left behind for the next, by the phase's name.
    """

    def __init__(
        self,
        model: Model,
        phases: Sequence[Phase],
        config: TrainingConfig,
        phase_configs: Mapping[str, PhaseConfig],
        processes: Processes,
    ) -> None:
        self.model, self.phases = model.train(), phases
        self.config, self.phase_configs, self.processes = config, phase_configs, processes
        processes.share([*model.parameters(), *model.buffers()])
        self.optimisers = {p.name: Adam(p.parameters, phase_configs[p.name]) for p in phases}
        self.average = Average(self.model, config.average)
        self.steps, self.began = 0, [0]
        self.carried: dict[str, Carried] = {}
        self.ends = stage_ends(phases, phase_configs)
        self._batches = config.accumulate * max(phase.repeats for phase in self.phases)

    @property
    def stage(self) -> int:
        """The stage it is in."""
        return len(self.began) - 1

    def step(self, draw: Draw, done: float) -> dict[str, Tensor]:
        """Give every phase of the stage its turns.

        Each of a phase's repeats sees fresh examples; phases begin with the same ones.

        Args:
            draw: Gives the batches.
            done: Share of the training that is over, which sets the stage and learning rates.

        Returns:
            The mean terms of each phase's last turn as "phase/term", and the norm of its
            gradient as "phase/gradient": scalars on the device, of this process's examples.
        """
        self._come_to(stage_at(self.ends, done))
        self._reseed()
        first = self.steps * self._batches
        batches = [draw(first + i) for i in range(self._batches)]
        terms: dict[str, Tensor] = {}
        within, steps = share_of_stage(self.ends, self.stage, done), self.steps - self.began[-1]
        for phase in (phase for phase in self.phases if phase.stage == self.stage):
            rate = learning_rate(self.phase_configs[phase.name], steps, within)
            for turn in range(phase.repeats):
                start = turn * self.config.accumulate
                terms |= self._turn(phase, batches[start : start + self.config.accumulate], rate)
        # Statistics of a batch differ between processes; a checkpoint holds the first one's.
        self.processes.share(self.model.buffers())
        self.average.update(self.model)
        self.steps += 1
        return terms

    def _come_to(self, stage: int) -> None:
        """Begin the stages up to this one; what was trained stands still where its average is."""
        if stage > self.stage:
            self.average.settle(self.model)
        while stage > self.stage:
            self.began.append(self.steps)

    def _turn(self, phase: Phase, batches: list[Batch], rate: float) -> dict[str, Tensor]:
        optimiser = self.optimisers[phase.name]
        parameters = optimiser.parameters
        optimiser.clear()
        terms: dict[str, Tensor] = {}
        for batch in batches:
            losses = self._losses(phase, self._place(batch))
            losses = {name: loss / len(batches) for name, loss in losses.items()}
            # `inputs` keeps this turn's gradient out of the other phases' parameters.
            torch.stack(list(losses.values())).sum().backward(inputs=parameters)
            for name, loss in losses.items():
                terms[f"{phase.name}/{name}"] = terms.get(f"{phase.name}/{name}", 0) + loss.detach()
        self.processes.average_gradients(parameters)
        norm = self._clip(parameters)
        optimiser.step(rate)
        return terms | {f"{phase.name}/gradient": norm}

    def _clip(self, parameters: list[nn.Parameter]) -> Tensor:
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.config.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.config.clip, norm)
        return norm

    def _losses(self, phase: Phase, batch: Batch) -> dict[str, Tensor]:
        low = self.config.precision == "bfloat16"
        with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=low):
            if not isinstance(phase, CarryingPhase):
                return phase.loss(batch)
            losses, carried = phase.carried_loss(batch, self.carried.get(phase.name))
        self.carried[phase.name] = carried
        return losses

    def gather_carried(self) -> dict[str, Carried]:
        """Return what is carried, with the rows of all processes; each must come here."""
        return {
            name: carried.gathered(self.processes.gather) for name, carried in self.carried.items()
        }

    def _place(self, batch: Batch) -> Batch:
        device = self.processes.device
        placed = {
            name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
            for name, value in batch.items()
        }
        if "condition" in batch:
            placed["condition"] = to_device(batch["condition"], device)
        return placed

    def _reseed(self) -> None:
        """Make the noise of a step its own: resuming then needs no generator's state."""
        numbers = (self.config.seed, self.steps, self.processes.rank)
        seed = random.Random(repr(numbers)).getrandbits(63)
        torch.default_generator.manual_seed(seed)
        if self.processes.device.type == "cuda":
            torch.cuda.manual_seed(seed)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Leave the user's global generators as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        yield
