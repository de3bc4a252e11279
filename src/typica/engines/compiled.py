"""What engines that draw by a kernel have in common, whatever the network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition
from typica.core.engine import (
    Draws,
    Engine,
    EngineState,
    begin,
    check_draw,
    check_generators,
    draw_by_steps,
)
from typica.core.engine_state import Saved
from typica.core.errors import ConfigError, ShapeError
from typica.core.model import AutoregressiveModel, State
from typica.core.randomness import Randomness
from typica.core.spread import spread as spread_of
from typica.core.strategy import Strategy
from typica.core.temperature import tempered
from typica.engines.job import MOST_TURNS, Floats, Job, Kernel, check_numbers
from typica.layers.gated_network import Affine


class Network(Protocol):
    """What a network's outputs are, whatever is inside.

    Attributes:
        head: Its last layers.
        output: What the outputs are parameters of.
        levels: Levels of a quantiser; 0 for amplitudes.
        distribution: Makes distributions of outputs (batch, time, outputs), which are
            log-probabilities where they are categorical.
    """

    @property
    def head(self) -> Sequence[Affine]: ...  # noqa: D102
    @property
    def output(self) -> str: ...  # noqa: D102
    @property
    def levels(self) -> int: ...  # noqa: D102
    @property
    def distribution(self) -> Callable[[Tensor], Distribution]: ...  # noqa: D102


class Geometry(Protocol):
    """Sizes of a network's state.

    Attributes:
        model: Digest of the model that states belong to.
    """

    @property
    def model(self) -> str: ...  # noqa: D102

    def enter(self, previous: Tensor, state: Any) -> CompiledState:
        """Make an engine's state of a model's."""


@dataclass(frozen=True)
class CompiledState(EngineState):
    """What a network has read, in arrays that its kernel reads.

    Attributes:
        carried: Names of what its jobs go on from: arrays, of which some may be None.
        time: Symbols read.
        geometry: Sizes.
    """

    carried: ClassVar[tuple[str, ...]]
    time: int = field(kw_only=True)
    geometry: Any = field(kw_only=True)

    @property
    def digest(self) -> str:
        """See `EngineState.digest`."""
        return self.geometry.model

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.contents().values() if array is not None)

    def contents(self) -> dict[str, Any]:
        """Return what is carried, by name."""
        return {name: getattr(self, name) for name in self.carried}

    def copy(self) -> Self:
        """Return it with arrays of its own, to be changed in place."""
        own: dict[str, Any] = {
            name: None if one is None else one.copy() for name, one in self.contents().items()
        }
        return replace(self, **own)


class CompiledEngine(Engine):
    """Draws from a model by a kernel; its states lie on the CPU, whatever computes.

    Args:
        model: Whose prompts and conditions are read by itself, all at once.
        network: The model's.
        kernel: Compiled of the network.
        geometry: Sizes of its states.
        threads: Processors that streams are spread over.
    """

    job_type: ClassVar[type[Job]]

    def __init__(
        self,
        model: AutoregressiveModel,
        network: Network,
        kernel: Kernel,
        geometry: Geometry,
        threads: int,
    ) -> None:
        self.model, self.network, self.kernel, self.threads = model, network, kernel, threads
        self.name, self.geometry = kernel.name, geometry
        self._kind = torch.int64 if network.levels else torch.float32

    @abstractmethod
    def told(self, state: Any, length: int) -> dict[str, Any]:
        """Return the arrays of a job that tell of labels and frames, by name."""

    @abstractmethod
    def check_fit(self, previous: Tensor, inner: State, where: str) -> None:
        """Refuse a model's state that is not of the network's sizes: kernels do not look.

        Raises:
            RunError: It is not; `where` is what it is called.
        """

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> CompiledState:
        """See `Engine.start`."""
        with torch.no_grad():
            return self.geometry.enter(*begin(self.model, count, condition, prompt))

    @property
    def digest(self) -> str:
        """See `Engine.digest`."""
        return self.geometry.model

    def enter(self, saved: Saved, where: str) -> CompiledState:
        """See `Engine.enter`."""
        self.check_fit(saved.previous, saved.inner, where)
        return replace(self.geometry.enter(saved.previous, saved.inner), memory=saved.memory)

    def job(self, state: CompiledState, length: int, temperature: float) -> Any:
        """Describe a block that goes on from a state and changes its arrays."""
        return self.job_type(
            time=state.time,
            temperature=temperature,
            previous=state.previous.numpy().astype(np.float32),
            symbols=np.empty((length, state.count), np.float32),
            **state.contents(),
            **self.told(state, length),
        )

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

    def _draw_levels(self, job: Job, after: CompiledState, spread: bool) -> Draws:
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

    def _draw_others(self, job: Job, after: CompiledState, spread: bool) -> Draws:
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

    def _symbols(self, job: Job) -> Tensor:
        return torch.from_numpy(job.symbols.T.copy()).to(self.device, self._kind)

    def _job(
        self, state: EngineState, length: int, temperature: float
    ) -> tuple[Job, CompiledState]:
        """Describe a block that goes on from a state, on arrays of its own."""
        assert isinstance(state, CompiledState)
        self._check(state.previous[:, None], state)
        after = state.copy()
        return self.job(after, length, temperature), after

    def _after(self, job: Job, after: CompiledState) -> CompiledState:
        previous = torch.from_numpy(job.previous).to(self._kind)
        memory = None if job.memory is None else torch.from_numpy(job.memory)
        after = after.remembering(job.strategy, memory)
        carried = {name: getattr(job, name) for name in after.carried}
        return replace(after, previous=previous, time=job.time + job.length, **carried)

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
