"""Opening a run from Python: the run of `core`, sampled as fast as the command line does."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from typica.actions.decode import carry_out, plan_for
from typica.core import run as core
from typica.core.condition import Condition, to_device
from typica.core.drawable import is_drawable
from typica.core.engine import Engine
from typica.core.engine_state import model_digest
from typica.core.progress import SILENT, Progress
from typica.engines.compiler import Backend, Weights, compile


class LoadedRun(core.Run):
    """A run that draws with a compiled engine where its system has one."""

    def engine(
        self,
        *,
        weights: Weights = "float32",
        backend: Backend = "auto",
        threads: int | None = None,
    ) -> Engine:
        """Return an engine of the model; see `typica.engines.compiler`.

        Asked again, it is the same, unless the model's weights have changed or been moved.

        Raises:
            ConfigError: The system is not autoregressive, or no engine is as asked for.
            RunError: A weight is not a number.
        """
        threads = threads or torch.get_num_threads()
        asked = weights, backend, threads
        # Versions of parameters would not do: `parameter.data` changes behind them.
        model = model_digest(self.model), next(self.model.parameters()).device
        known, engine = self._engines.get(asked, (None, None))
        if engine is None or known != model:
            engine = compile(self.model, weights=weights, backend=backend, threads=threads)
            self._engines[asked] = model, engine
        return engine

    @cached_property
    def _engines(self) -> dict[tuple[Any, ...], tuple[Any, Engine]]:
        return {}

    def sample(
        self,
        seconds: float = 10.0,
        count: int = 1,
        *,
        seed: int = 0,
        condition: Condition | None = None,
        temperature: float | None = None,
        strategy: str | None = None,
        prompt: Tensor | None = None,
        progress: Progress = SILENT,
    ) -> Tensor:
        """Draw audio, shape (count, channels, time), in [-1, 1], at `rate`.

        Args:
            seconds: Length of each example.
            count: Examples, drawn side by side.
            seed: The same seed gives the same samples on the same machine.
            condition: What the model is told, where it is told anything.
            temperature: Below 1 the model is surer of itself (autoregressive systems); the run's
                own if left out, mostly 1.
            strategy: How it is decoded, in the words of `typica.decoding.plan.plan_from`, as in
                "nucleus=0.95"; the run's own if left out, mostly "ancestral".
            prompt: Audio to go on from, (1 or count, channels, time); it is not returned.
            progress: Hears how far it is.

        Raises:
            RunError: `seconds` or `count` is not above 0.
            ConfigError: The system does not take what was asked.
        """
        drawn, _ = carry_out(
            self,
            plan_for(self, strategy, temperature),
            self.engine() if is_drawable(self.model) else None,
            count=count,
            length=self.length_of(seconds, count),
            seed=seed,
            prompt=prompt,
            condition=to_device(condition, self.device),
            progress=progress,
        )
        return drawn.audio


def load(run: str | Path, device: str = "auto") -> LoadedRun:
    """Open a run by its folder, by its name under `runs`, or one of its checkpoints.

    Raises:
        RunError: There is none, or it holds no weights yet.
    """
    opened = core.load(run, device)
    return LoadedRun(opened.path, opened.device)
