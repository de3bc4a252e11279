"""What draws from an autoregressive model, step after step: the module itself, or compiled code.

The state of an engine is a value. It can be kept and come back to, split into several
continuations of one past, saved to a file and gone on with in another process.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition, to_device
from typica.core.counts import check_whole
from typica.core.engine_state import (
    Saved,
    map_tensors,
    model_digest,
    pick_streams,
    read_state,
    write_state,
)
from typica.core.errors import ConfigError, RunError
from typica.core.model import BLOCK, AutoregressiveModel, State
from typica.core.randomness import Randomness, draw
from typica.core.spread import spread as spread_of
from typica.core.strategy import Strategy
from typica.core.temperature import check_temperature, most_likely, tempered


@dataclass(frozen=True)
class EngineState(ABC):
    """What has been read, and what was drawn since.

    It lies where its engine keeps it; nobody else moves it.

    Attributes:
        previous: Symbols (count,) that were drawn last and that the model has not read yet.
        memory: What the strategy that they were drawn by remembers of each stream, behind a number
            that tells which strategy it was, (count, 1 + numbers); None if they were drawn without,
            or by one that remembers nothing.
    """

    previous: Tensor
    memory: Tensor | None = field(default=None, kw_only=True)

    @property
    def count(self) -> int:
        """Number of streams."""
        return len(self.previous)

    def then(self, symbols: Tensor) -> EngineState:
        """Return the same past, after which `symbols` (count,) were chosen."""
        return replace(self, previous=symbols.to(self.previous))

    def remembered(self, strategy: Strategy) -> Tensor:
        """Return what a strategy remembers; where another or none was at work, it begins anew."""
        fresh = strategy.begin(self.count).to(self.previous.device)
        if self.memory is None or self.memory.shape[1] != 1 + fresh.shape[1]:
            return fresh
        is_its_own = bool((self.memory[:, 0] == _number_of(strategy)).all())
        return self.memory[:, 1:] if is_its_own else fresh

    def remembering(self, strategy: Strategy | None, memory: Tensor | None) -> Self:
        """Return the same past, of which a strategy remembers `memory` (count, numbers)."""
        if strategy is None or memory is None or not memory.shape[1]:
            return replace(self, memory=None)
        owner = torch.full_like(memory[:, :1], _number_of(strategy))
        return replace(self, memory=torch.cat([owner, memory], 1))

    @abstractmethod
    def pick(self, rows: Sequence[int]) -> EngineState:
        """Return the streams of these numbers; one that is named twice goes on in two ways."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Hash of the model that it belongs to."""

    @abstractmethod
    def leave(self) -> Saved:
        """Return it as engines of all kinds understand it: with the model's own state."""

    def save(self, path: Path) -> None:
        """Write it to a file that `Engine.load` reads, also in engines of other kinds.

        Raises:
            DiskError: It cannot be written.
        """
        write_state(path, self.leave(), self.digest)


class Draws(NamedTuple):
    """A block of symbols, and what the model thinks of them; all (count, length), in nats.

    Attributes:
        symbols: Levels (int64), or amplitudes.
        log_prob: Of each symbol under the model, given those before it.
        log_draw: Of each under what it was drawn from, at a temperature and by a strategy: 0 where
            it is the only choice.
        entropy: Conditional entropy of the model before each draw, or None.
        varentropy: Conditional variance of -log p, in nats squared, or None.
        state: After the block.
    """

    symbols: Tensor
    log_prob: Tensor
    log_draw: Tensor
    entropy: Tensor | None
    varentropy: Tensor | None
    state: EngineState


class Engine(ABC):
    """Draws from a model, several streams side by side.

    Whatever computes, distributions and draws lie on `device`, and so do generators that are
    given. Symbols, conditions and prompts may lie anywhere: they are moved.

    A stream whose model has an end (`AutoregressiveModel.final`) draws nothing else after it, and
    that costs nothing: its log-probability, entropy and varentropy are 0.

    Attributes:
        model: What it draws from.
        name: What computes, in a few words.
    """

    model: AutoregressiveModel
    name: str

    @property
    def device(self) -> torch.device:
        """Where results lie: the device of the model."""
        return next(self.model.parameters()).device

    @abstractmethod
    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> EngineState:
        """Return the state before the first draw.

        Args:
            count: Streams.
            condition: What the model is told; it begins where the prompt does.
            prompt: Audio to go on from, (1 or count, channels, time).
        """

    @abstractmethod
    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """Read `state.previous`; tell what follows, batch shape (count, 1)."""

    @abstractmethod
    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """Go along symbols (count, length) that are given.

        Returns:
            The distributions of these symbols, each given all before it, batch shape
            (count, length), and the state behind them.
        """

    def follow_in_parts(
        self, symbols: Tensor, state: EngineState, length: int
    ) -> Iterator[tuple[Tensor, Distribution]]:
        """Go along a recording part by part, so that memory is bounded by that of a part.

        Args:
            symbols: All of it, (count, time).
            state: Where it follows on.
            length: Symbols of a part; the last may be shorter.

        Yields:
            A part and the distributions of its symbols; these are the same for any `length`.
        """
        for part in symbols.split(length, 1):
            distribution, state = self.follow(part, state)
            yield part, distribution

    @abstractmethod
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
        """Draw the next symbols of every stream.

        Args:
            state: Where to go on from; it is left as it was.
            length: Symbols to draw.
            temperature: 1 draws what the model says, less is surer of itself, and 0 takes the most
                likely symbol each time.
            strategy: What chooses, of the distribution at that temperature; ancestral sampling if
                left out.
            generator: Where the randomness comes from: one for all streams, or one for each, so
                that what a stream draws does not depend on the others.
            spread: Whether entropy and varentropy are wanted.

        Raises:
            ConfigError: It is no temperature that can be drawn at, `length` is below 1, the
                strategy has no meaning for the model, or there is not a generator for each stream.
            RunError: What the model says of a stream that goes on is no distribution.
        """

    @property
    @abstractmethod
    def digest(self) -> str:
        """Hash of the model's weights and settings, as its states bear it."""

    @property
    def state_types(self) -> tuple[type, ...]:
        """Named tuples that its states are made of, for those that are read from files."""
        return self.model.state_types

    @abstractmethod
    def enter(self, saved: Saved, where: str) -> EngineState:
        """Take up a state that `EngineState.leave` gave, be it of another kind of engine.

        Args:
            saved: What it gave.
            where: What it is called in the error.

        Raises:
            RunError: It does not fit the model.
        """

    def load(self, path: Path) -> EngineState:
        """Read a state that was saved, be it by another process or another kind of engine.

        Raises:
            RunError: It is of another model, damaged, or no state.
        """
        return self.enter(read_state(path, self.digest, self.state_types), str(path))


def check_draw(length: int, temperature: float, strategy: Strategy | None = None) -> None:
    """Refuse what no engine can draw.

    Raises:
        ConfigError: See `check_temperature`; `length` is no whole number of at least 1; or what
            stands for a strategy is none.
    """
    check_temperature(temperature)
    if strategy is not None and not isinstance(strategy, Strategy):
        raise ConfigError(
            f"{strategy} does not choose symbol by symbol: give a strategy, as "
            f"typica.decoding.words.strategy_from reads it from words"
        )
    if length < 1:
        raise ConfigError(f"at least 1 symbol must be drawn, got {length}")
    check_whole(length=length)


def check_generators(generator: Randomness, count: int) -> None:
    """Refuse generators that are not one for each of `count` streams."""
    if generator is None or isinstance(generator, torch.Generator):
        return
    if len(generator) != count:
        raise ConfigError(f"{count} streams draw from as many generators, got {len(generator)}")


@dataclass(frozen=True)
class StepState(EngineState):
    """A model's own state.

    Attributes:
        inner: What the model has read.
        model: Whose it is.
    """

    inner: State = field(kw_only=True)
    model: AutoregressiveModel = field(kw_only=True, repr=False)

    def pick(self, rows: Sequence[int]) -> StepState:
        """See `EngineState.pick`."""
        memory, inner = pick_streams((self.memory, self.inner), rows, self.count)
        return replace(self, previous=self.previous[list(rows)], memory=memory, inner=inner)

    @property
    def digest(self) -> str:
        """See `EngineState.digest`."""
        return model_digest(self.model)

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        return Saved(self.previous, self.inner, self.memory)


class StepEngine(Engine):
    """Any autoregressive model, by its own `step`: slow, and always there.

    It has no graph: nothing can be learnt through it.
    """

    def __init__(self, model: AutoregressiveModel) -> None:
        self.model, self.name = model, f"torch, {type(model).__name__}'s own steps"

    @torch.no_grad()
    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> StepState:
        """See `Engine.start`."""
        return self._state(*begin(self.model, count, condition, prompt))

    @torch.no_grad()
    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.step`."""
        assert isinstance(state, StepState)
        distribution, inner = self.model.step(state.previous, state.inner)
        return distribution, replace(state, inner=inner)

    @torch.no_grad()
    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.follow`."""
        assert isinstance(state, StepState)
        previous = torch.cat([state.previous[:, None], symbols[:, :-1].to(state.previous)], 1)
        distribution, inner = self.model.advance(previous, state.inner)
        last = symbols[:, -1].to(state.previous)
        return distribution, self._state(last, inner, state.memory)

    @torch.no_grad()
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
        """See `Engine.draw`."""
        return draw_by_steps(self, state, length, temperature, strategy, generator, spread)

    @property
    def digest(self) -> str:
        """See `Engine.digest`."""
        return model_digest(self.model)

    def enter(self, saved: Saved, where: str) -> StepState:
        """See `Engine.enter`."""
        moved = map_tensors(tuple(saved), lambda tensor: tensor.to(self.device))
        return self._state(*moved)

    def _state(self, previous: Tensor, inner: State, memory: Tensor | None = None) -> StepState:
        return StepState(previous, memory=memory, inner=inner, model=self.model)


def begin(
    model: AutoregressiveModel, count: int, condition: Condition | None, prompt: Tensor | None
) -> tuple[Tensor, State]:
    """Return the last symbols before the first draw, and the state that has not read them yet."""
    device = next(model.parameters()).device
    state = model.start(count, to_device(condition, device))
    silence = torch.full((count, 1), model.initial, device=device)
    if prompt is None:
        return silence[:, 0], state
    past = model.symbols(prompt.to(device)).expand(count, -1)
    for block in torch.cat([silence, past[:, :-1]], 1).split(BLOCK, 1):
        _, state = model.advance(block, state)
    return past[:, -1], state


def _number_of(strategy: Strategy) -> float:
    """Return a number that float32 holds and that tells a strategy by its words."""
    return float(zlib.crc32(str(strategy).encode()) % (1 << 24))


def draw_by_steps(
    engine: Engine,
    state: EngineState,
    length: int,
    temperature: float,
    strategy: Strategy | None,
    generator: Randomness,
    spread: bool,
) -> Draws:
    """Draw one symbol after another by an engine's `step`; see `Engine.draw`."""
    check_draw(length, temperature, strategy)
    check_generators(generator, state.count)
    columns: list[Sequence[Tensor]] = []
    memory = None if strategy is None else state.remembered(strategy).to(engine.device)
    for _ in range(length):
        before = state
        distribution, state = engine.step(state)
        chosen, log_draw, memory = _choose(distribution, temperature, strategy, memory, generator)
        log_prob = distribution.log_prob(chosen)
        column = chosen, log_prob, log_draw, *(spread_of(distribution) if spread else ())
        columns.append(_after_the_end(engine.model.final, before.previous, column))
        _check_drawn(columns[-1][1])
        state = state.then(columns[-1][0][:, 0])
    symbols, log_prob, log_draw, *both = (torch.cat(row, 1) for row in zip(*columns, strict=True))
    entropy, varentropy = both or (None, None)
    state = state.remembering(strategy, memory)
    return Draws(symbols, log_prob, log_draw, entropy, varentropy, state)


def _choose(
    distribution: Distribution,
    temperature: float,
    strategy: Strategy | None,
    memory: Tensor | None,
    generator: Randomness,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return symbols, their log-probabilities under what they were drawn from, and the memory."""
    if not temperature:
        symbols = most_likely(distribution)
        return symbols, torch.zeros_like(distribution.log_prob(symbols)), None
    chosen = tempered(distribution, temperature)
    if strategy is not None:
        assert memory is not None
        return strategy.choose(chosen, memory, generator)
    symbols = draw(chosen, generator)
    return symbols, chosen.log_prob(symbols), None


def _check_drawn(log_prob: Tensor) -> None:
    """Refuse draws (count, 1) from what was no distribution: NaN, or probability 0 everywhere."""
    if log_prob.is_meta or bool(
        log_prob.isfinite().all()
    ):  # a device without numbers has no faults
        return
    row = int((~log_prob.isfinite()).nonzero()[0, 0])
    raise RunError(
        f"row {row} of the streams cannot be drawn from: what was drawn has a log-probability of "
        f"{float(log_prob[row]):g}, so that what the model says there is no distribution"
    )


def _after_the_end(
    final: int | None, previous: Tensor, column: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Let sequences that have ended draw their end again, which costs nothing."""
    if final is None:
        return column
    goes_on = (previous != final)[:, None]
    symbols, *nats = column
    return symbols.where(goes_on, final), *(one.where(goes_on, 0.0) for one in nats)
