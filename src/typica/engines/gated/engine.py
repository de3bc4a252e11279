"""An engine for every model around a gated stack: several streams, in compiled code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition
from typica.core.engine import (
    Draws,
    EngineState,
    begin,
    check_draw,
    check_generators,
    draw_by_steps,
)
from typica.core.engine_state import Saved
from typica.core.errors import ConfigError, ShapeError
from typica.core.model import AutoregressiveModel
from typica.core.randomness import Randomness
from typica.core.session import Session, SessionEngine, StateSession
from typica.core.spread import spread as spread_of
from typica.core.strategy import Strategy
from typica.core.telling import TellingEngine, check_told
from typica.core.temperature import tempered
from typica.engines.gated.fit import check_fit
from typica.engines.gated.job import MOST_TURNS, Floats, Job, Kernel, check_numbers
from typica.engines.gated.session import GatedBeamSession, GatedSession
from typica.engines.gated.state import GatedEngineState, Geometry, Rings
from typica.layers.gated import GatedLayer, GatedStack
from typica.layers.gated_network import GatedNetwork, GatedState


class GatedEngine(SessionEngine, TellingEngine):
    """Draws from a model by a kernel; its states lie on the CPU, whatever computes.

    Args:
        model: Whose prompts and conditions are read by itself, all at once.
        network: The model's.
        kernel: Compiled of the network.
        digest: Of the model's weights and settings.
        threads: Processors that streams are spread over.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        network: GatedNetwork,
        kernel: Kernel,
        digest: str,
        threads: int,
    ) -> None:
        self.model, self.network, self.kernel, self.threads = model, network, kernel, threads
        self.name = kernel.name
        self.geometry = _geometry(network, kernel.shapes, digest)

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> GatedEngineState:
        """See `Engine.start`."""
        with torch.no_grad():
            previous, state = begin(self.model, count, condition, prompt)
        return self.geometry.enter(previous, cast(GatedState, state))

    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.step`."""
        distribution, after = self.follow(state.previous[:, None], state)
        return distribution, after  # what it follows it has not read yet

    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.follow`."""
        self._check(symbols, state)
        given = np.ascontiguousarray(symbols.cpu().numpy().T, np.float32)
        job, after = self._job(state, len(given), 1.0)
        job.forced = given
        job.outputs = np.empty((*given.shape, self.kernel.shapes["OUTPUTS"]), np.float32)
        self.run(job)
        check_numbers(job.outputs)
        return self.distribution(job), replace(self._after(job, after), memory=state.memory)

    def draw(
        self,
        state: EngineState,
        length: int,
        *,
        temperature: float = 1.0,
        strategy: Strategy | None = None,
        generator: Randomness = None,
        spread: bool = False,
    ) -> Draws:
        """See `Engine.draw`; what the kernel does not know is drawn step by step, more slowly."""
        check_draw(length, temperature, strategy)
        check_generators(generator, state.count)
        if not self._draws(temperature, strategy):
            return draw_by_steps(self, state, length, temperature, strategy, generator, spread)
        job, after = self._job(state, length, temperature)
        count, draws = state.count, self.kernel.shapes["DRAWS"]
        job.uniforms = np.zeros((length, count, draws), np.float32)
        if temperature and not _is_certain(strategy):  # what is certain takes no number from it
            job.uniforms = _uniforms(length, count, draws, generator)
        if strategy is not None:
            self._instruct(job, strategy, state)
        if self.network.output == "categorical" and self.kernel.measures:
            return self._draw_levels(job, after, spread)
        return self._draw_others(job, after, spread)

    def session(self, state: EngineState) -> Session:
        """See `SessionEngine.session`; kernels that cannot search go on by values."""
        assert isinstance(state, GatedEngineState)
        if not self.kernel.searches:
            return StateSession(self, state)
        if self.network.output == "categorical":
            return GatedBeamSession(self, state)
        return GatedSession(self, state)

    def tell(self, state: EngineState, told: Condition, past: int = 0) -> GatedEngineState:
        """See `TellingEngine.tell`."""
        assert isinstance(state, GatedEngineState)
        check_told(told, self.model.needs, state.count)
        (frames,) = (track.values.cpu().float() for track in told.values())
        return replace(state, frames=frames, told_from=state.time - past)

    @property
    def digest(self) -> str:
        """See `Engine.digest`."""
        return self.geometry.model

    def enter(self, saved: Saved, where: str) -> GatedEngineState:
        """See `Engine.enter`."""
        check_fit(saved.previous, saved.inner, self.geometry, where)
        return replace(self.geometry.enter(saved.previous, saved.inner), memory=saved.memory)

    def _draws(self, temperature: float, strategy: Strategy | None) -> bool:
        """Tell whether the kernel draws by itself."""
        if temperature == 0 and self.network.output == "logistics":
            return False
        if self.model.final is not None:
            return False
        program = () if strategy is None else strategy.program
        if not program or self.network.output != "categorical":
            return program == ()
        return len(program) <= MOST_TURNS and all(
            turn.name in self.kernel.turns for turn in program
        )

    def _instruct(self, job: Job, strategy: Strategy, state: EngineState) -> None:
        """Give a job a strategy that the kernel knows."""
        turns = [
            (self.kernel.turns.index(name), *values, 0.0, 0.0)[:3]
            for name, values in strategy.program or ()
        ]
        if turns:
            job.program = np.array(turns, np.float32)
            job.strategy = strategy
            job.memory = state.remembered(strategy).cpu().numpy().astype(np.float32)

    def _draw_levels(self, job: Job, after: GatedEngineState, spread: bool) -> Draws:
        """Draw levels; the kernel measures them on the way."""
        shape = job.symbols.shape
        job.log_prob, job.log_draw = np.empty(shape, np.float32), np.empty(shape, np.float32)
        if spread:
            job.entropy, job.varentropy = (np.empty(shape, np.float32) for _ in "hv")
        self.run(job)
        check_numbers(job.log_prob)
        check_numbers(job.log_draw)
        measured = (job.log_prob, job.log_draw, job.entropy, job.varentropy)
        columns = (
            None if values is None else torch.from_numpy(values.T).to(self.device)
            for values in measured
        )
        log_prob, log_draw, entropy, varentropy = columns
        assert log_prob is not None
        assert log_draw is not None
        return Draws(
            self._symbols(job), log_prob, log_draw, entropy, varentropy, self._after(job, after)
        )

    def _draw_others(self, job: Job, after: GatedEngineState, spread: bool) -> Draws:
        """Draw from what is not levels; torch measures what the kernel drew."""
        job.outputs = np.empty((*job.symbols.shape, self.kernel.shapes["OUTPUTS"]), np.float32)
        self.run(job)
        check_numbers(job.outputs)
        distribution, symbols = self.distribution(job), self._symbols(job)
        log_prob = distribution.log_prob(symbols)
        log_draw = torch.zeros_like(log_prob)
        if job.temperature:
            log_draw = tempered(distribution, job.temperature).log_prob(symbols)
        entropy, varentropy = spread_of(distribution) if spread else (None, None)
        return Draws(symbols, log_prob, log_draw, entropy, varentropy, self._after(job, after))

    def _job(
        self, state: EngineState, length: int, temperature: float
    ) -> tuple[Job, GatedEngineState]:
        """Describe a block that goes on from a state, on arrays of its own."""
        assert isinstance(state, GatedEngineState)
        self._check(state.previous[:, None], state)
        after = state.copy()
        return self.job(after, length, temperature), after

    def job(self, state: GatedEngineState, length: int, temperature: float) -> Job:
        """Describe a block that goes on from a state and changes its arrays."""
        job = Job(
            state.time,
            temperature,
            recent=state.recent,
            rings=state.rings,
            context_rings=state.context_rings,
            now=state.now,
            previous=state.previous.numpy().astype(np.float32),
            symbols=np.empty((length, state.count), np.float32),
        )
        if state.label is not None:
            job.label = state.label.detach().numpy()
        if self.network.upsampling is not None and state.frames is not None:
            frames = state.frames.to(self.network.reading.weight.device)
            with torch.no_grad():
                local = self.network.upsampling(frames, state.time - state.told_from, length)
            job.local = np.ascontiguousarray(local.cpu().numpy(), np.float32)
        return job

    def _check(self, symbols: Tensor, state: EngineState) -> None:
        """Refuse symbols that the kernel would read beyond its tables for."""
        if symbols.ndim != 2 or len(symbols) != state.count or not symbols.shape[1]:
            shape = tuple(symbols.shape)
            raise ShapeError(f"symbols must have shape ({state.count}, length), got {shape}")
        levels = self.network.levels
        if levels and not bool(((symbols >= 0) & (symbols < levels)).all()):
            raise ConfigError(f"symbols must be levels from 0 to {levels - 1}")

    def run(self, job: Job) -> None:
        """Do a job, streams spread over the processors; those that compete stay together."""
        count = job.symbols.shape[1] // job.width
        parts = min(self.threads, count)
        if parts == 1:
            self.kernel.run(job, 0, count * job.width)
            return
        ends = [count * part // parts * job.width for part in range(parts + 1)]
        pairs = zip(ends, ends[1:], strict=False)
        for done in [self._pool.submit(self.kernel.run, job, *pair) for pair in pairs]:
            done.result()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads)

    def _after(self, job: Job, after: GatedEngineState) -> GatedEngineState:
        previous = torch.from_numpy(job.previous).to(self.geometry.symbols)
        memory = None if job.memory is None else torch.from_numpy(job.memory)
        after = after.remembering(job.strategy, memory)
        return replace(after, previous=previous, time=job.time + len(job.symbols))

    def _symbols(self, job: Job) -> Tensor:
        return torch.from_numpy(job.symbols.T.copy()).to(self.device, self.geometry.symbols)

    def distribution(self, job: Job) -> Distribution:
        """Return the distributions that a job's outputs are of, batch shape (count, length)."""
        assert job.outputs is not None
        width = self.network.head[-1].weight.shape[1]
        outputs = torch.from_numpy(job.outputs)[..., :width].transpose(0, 1).to(self.device)
        if self.network.output == "categorical":
            outputs = outputs.log_softmax(-1)
        return self.network.distribution(outputs)


def _is_certain(strategy: Strategy | None) -> bool:
    """Whether a strategy leaves one level, so that nothing is drawn."""
    program = (strategy.program if strategy else None) or ()
    return any(name == "temperature" and not values[0] for name, values in program)


def _uniforms(length: int, count: int, draws: int, generator: Randomness) -> Floats:
    """Return uniform numbers, one sample's after another's: blocks of any size get the same.

    With a generator for each stream, a stream's are the same whatever the others'.
    """
    if generator is None or isinstance(generator, torch.Generator):
        device = "cpu" if generator is None else generator.device
        drawn = torch.rand(length, count, draws, generator=generator, device=device)
        return drawn.cpu().numpy()
    rows = [torch.rand(length, draws, generator=one, device=one.device).cpu() for one in generator]
    return torch.stack(rows, 1).numpy()


def _geometry(network: GatedNetwork, shapes: dict, digest: str) -> Geometry:
    context = network.context
    words = (context.stack.width, shapes["CONTEXT"]) if context else (0, 0)
    return Geometry(
        digest,
        torch.int64 if network.levels else torch.float32,
        network.levels,
        shapes["LABEL"],
        shapes["LOCAL"],
        shapes["TAPS"],
        shapes["RECENT"],
        _rings(network.stack, shapes["Main"]["CHANNELS"]),
        shapes["POOL"],
        words,
        _rings(context.stack, shapes["Context"]["CHANNELS"]) if context else Rings((), 0, 0),
    )


def _rings(stack: GatedStack, wide: int) -> Rings:
    channels = cast(GatedLayer, stack.layers[0]).taps.shape[1]
    return Rings(tuple(stack.memories), channels, wide)
