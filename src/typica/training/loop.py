"""The loop: step after step, with a log, looks at held-out audio, early samples, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from typica.core.errors import RunError
from typica.core.phase import Phase
from typica.core.progress import SILENT, Progress, Task
from typica.core.run import checkpoints
from typica.training import checkpoint
from typica.training.interruption import Interruption
from typica.training.learner import Draw, Learner, own_randomness
from typica.training.record import Record
from typica.training.schedule import share_done
from typica.training.settings import TrainingConfig

TELL_EVERY_S = 5.0  # a slow model's figures are shown so often, whatever `log_every` says

Judge = Callable[[], float]
"""Returns the bits a sample on held-out audio."""

Sampler = Callable[[], Tensor]
"""Returns an early sample, (channels, time)."""


@dataclass
class Loop:
    """One training, from wherever its learner stands to the end.

    Attributes:
        learner: What is trained.
        draw: Gives this process's batches.
        examples: Examples of one step, over all processes.
        folder: The run's.
        config: Tables of its `config.yaml`.
        elapsed_s: Seconds that the training took before.
        judge: Looks at held-out audio; None where that cannot be done.
        sampler: Draws early samples; None where that cannot be done.
        progress: Hears how far it is.
        held_out_bits: What the judge said last; None where there is none.
    """

    learner: Learner
    draw: Draw
    examples: int
    folder: Path
    config: dict[str, Any]
    elapsed_s: float = 0.0
    judge: Judge | None = None
    sampler: Sampler | None = None
    progress: Progress = SILENT
    _window: list[dict[str, Tensor]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.settings: TrainingConfig = self.learner.config
        self.processes = self.learner.processes
        self.record: Record | None = None
        self.held_out_bits: float | None = None
        self._saved_at_s = self._logged_at_s = self.elapsed_s

    def run(self) -> None:
        """Train until the steps or the minutes are over, and write the final weights.

        Raises:
            RunError: The loss is no longer a number.
            DiskError: The disk is full.
            KeyboardInterrupt: Ctrl-C was pressed; a checkpoint was written first.
        """
        if self.processes.first:
            checkpoint.prune(self.folder, self.settings.keep)
            self.record = Record(self.folder, self.learner.steps)
        try:
            with Interruption() as interruption, own_randomness(self.processes.device):
                with self.progress.task("training", *self._size()) as task:
                    asked = self._train(interruption, task)
                if asked:
                    self._part()
                    interruption.asked = interruption.asked or int(asked)
                    interruption.leave()
            self._finish()
        finally:
            if self.record:
                self.record.close()

    def _train(self, interruption: Interruption, task: Task) -> float:
        """Take steps until the end; return the signal that ended it sooner, or 0."""
        began = time.monotonic() - self.elapsed_s
        asked, done = 0.0, share_done(self.settings, self.learner.steps, self.elapsed_s)
        task.advance(self.elapsed_s if self.settings.minutes else self.learner.steps)
        self._mark()
        while done < 1 and not asked:
            self._keep(self.learner.step(self.draw, done), task)
            before = self.elapsed_s
            # Every process must come to the same decisions, so they share one clock.
            self.elapsed_s, asked = self.processes.agree(
                time.monotonic() - began, float(interruption.asked)
            )
            task.advance(self.elapsed_s - before if self.settings.minutes else 1)
            done = share_done(self.settings, self.learner.steps, self.elapsed_s)
            self._look_up(interruption, task, ending=done >= 1 or bool(asked))
        return asked

    def _keep(self, terms: dict[str, Tensor], task: Task) -> None:
        """Keep the figures of a step; those of another stage are shown first."""
        if self._window and terms.keys() != self._window[0].keys():
            self._log(task, self.learner.steps - 1)
            self._mark()
            names = ", ".join(phase.name for phase in self._phases())
            self.progress.say(f"step {self.learner.steps}: {names} begins")
        self._window.append(terms)

    def _phases(self) -> list[Phase]:
        """Return the phases that take their turns now."""
        return [phase for phase in self.learner.phases if phase.stage == self.learner.stage]

    def _untrained(self) -> str:
        """Name what has not been trained yet and yet counts, in brackets; or nothing."""
        later = [one.name for one in self.learner.phases if one.stage > self.learner.stage]
        return f" ({', '.join(later)} not trained yet)" if later else ""

    def _look_up(self, interruption: Interruption, task: Task, *, ending: bool) -> None:
        """Do what is due after a step."""
        settings, step = self.settings, self.learner.steps
        due = {
            "judge": self.judge and _every(settings.validate_every, step),
            "sample": self.sampler and _every(settings.sample_every, step),
            "save": ending or self._save_is_due(),
        }
        stale = self.elapsed_s - self._logged_at_s > TELL_EVERY_S
        if any(due.values()) or stale or _every(settings.log_every, step):
            self._log(task, step)
        if not any(due.values()):
            return
        if self.processes.first and not ending:
            with interruption.throwaway():
                if due["judge"] and not interruption.asked:
                    self._judge()
                if due["sample"] and not interruption.asked:
                    self._sample()
        if due["save"]:
            self._save()
        self._mark()

    def _save_is_due(self) -> bool:
        minutes = self.settings.checkpoint_minutes
        old = minutes is not None and self.elapsed_s - self._saved_at_s > 60 * minutes
        return old or _every(self.settings.checkpoint_every, self.learner.steps)

    def _mark(self) -> None:
        """Begin to measure the speed anew, so that pauses do not count."""
        self._marked_s, self._marked_step = time.monotonic(), self.learner.steps

    def _log(self, task: Task, step: int) -> None:
        """Write and show the means since the last line."""
        names = list(self._window[0])
        # One tensor for the whole window: a GPU is made to wait once, not at each step.
        values = torch.stack([torch.stack([terms[n] for n in names]) for terms in self._window])
        values = self.processes.mean(values.float()).cpu().double()
        self._check(names, values)
        figures = dict(zip(names, values.mean(0).tolist(), strict=True))
        steps = step - self._marked_step
        pace = steps * self.examples / max(1e-9, time.monotonic() - self._marked_s)
        bits = _bits(figures, self.learner.phases)
        shown = _shown(figures) | bits | {"examples/s": f"{pace:.3g}"}
        figures |= {name.replace(" ", "_"): value for name, value in bits.items()}
        figures |= {"examples_per_s": pace, "seconds": self.elapsed_s}
        if self.record:
            self.record.figures(step, figures)
        task.show(**shown)
        self._window.clear()
        self._logged_at_s = self.elapsed_s

    def _check(self, names: list[str], values: Tensor) -> None:
        """Refuse to go on once a loss or a gradient is no number."""
        ill = (~values.isfinite()).nonzero()
        if not len(ill):
            return
        row, column = ill[0].tolist()
        step = self.learner.steps - len(values) + row + 1
        kept = checkpoints(self.folder)
        phase = names[column].partition("/")[0]
        rate = self.learner.phase_configs[phase].learning_rate / 3
        mend = f"--set {phase}.learning_rate={rate:.2g}"
        how = f"{kept[-1].name} is kept: go on with --resume {mend}" if kept else f"try {mend}"
        raise RunError(f"the loss is no longer a number at step {step} of {self.folder}; {how}")

    def _judge(self) -> None:
        assert self.judge
        assert self.record
        bits = self.judge()
        self.record.figures(self.learner.steps, {"valid/bits": bits, "seconds": self.elapsed_s})
        words = f"{bits:.3f} bits a sample on held-out audio{self._untrained()}"
        self.progress.say(f"step {self.learner.steps}: {words}")
        self.held_out_bits = bits

    def _sample(self) -> None:
        assert self.sampler
        assert self.record
        path = self.record.sound(self.learner.steps, self.sampler(), self.config["rate"])
        words = f"an early sample is in {path}{self._untrained()}"
        self.progress.say(f"step {self.learner.steps}: {words}")

    def _save(self) -> None:
        self._saved_at_s = self.elapsed_s
        carried = self.learner.gather_carried()
        if self.processes.first:
            checkpoint.write(self.folder, self.learner, self.config, self.elapsed_s, carried)
            checkpoint.prune(self.folder, self.settings.keep)
        self.processes.wait()

    def _part(self) -> None:
        self.progress.say(
            f"stopped after step {self.learner.steps}, which is kept in {self.folder}: "
            f"go on with --name {self.folder.name} --resume"
        )

    def _finish(self) -> None:
        if self.processes.first:
            checkpoint.write_final(self.folder, self.learner, self.config)
            if self.judge:
                self._judge()
        self.processes.wait()

    def _size(self) -> tuple[float, str]:
        if self.settings.minutes:
            return 60 * self.settings.minutes, "s"
        return self.settings.steps, "steps"


def _every(count: int, step: int) -> bool:
    return count > 0 and step % count == 0


def _bits(figures: Mapping[str, float], phases: Sequence[Phase]) -> dict[str, float]:
    """Return the nats of phases as bits, by their unit: "bits" are bits a sample."""
    nats = [(one, figures[f"{one.name}/nll"]) for one in phases if f"{one.name}/nll" in figures]
    samples = [value for one, value in nats if one.unit == "sample"]
    codes = {one.name: value / math.log(2) for one, value in nats if one.unit == "code"}
    bits = {"bits": sum(samples) / math.log(2)} if samples else {}
    if len(codes) == 1:
        return bits | {"bits a code": next(iter(codes.values()))}
    return bits | {f"bits a code of {name}": value for name, value in codes.items()}


def _shown(figures: Mapping[str, float]) -> dict[str, float | str]:
    """Return each phase's loss, by the phase's name, or the loss where there is one."""
    losses: dict[str, float | str] = {}
    for name, value in figures.items():
        phase, slash, term = name.partition("/")
        if slash and term != "gradient":
            losses[phase] = float(losses.get(phase, 0.0)) + value
    return {"loss": next(iter(losses.values()))} if len(losses) == 1 else losses
