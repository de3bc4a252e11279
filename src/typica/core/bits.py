"""Some bits of each symbol, modelled as codes by a system within: its state, and its engine.

What draws the codes fast draws the bits as fast: an engine is one of the system within, whose
symbols are put together with the bits above them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition, to_device
from typica.core.engine import Draws, Engine, EngineState, StepEngine
from typica.core.engine_state import Saved, model_digest, pick_streams
from typica.core.model import AutoregressiveModel, State
from typica.core.randomness import Randomness
from typica.core.strategy import Strategy
from typica.core.telling import RetoldModel, TellingEngine, tell


class BitsState(NamedTuple):
    """What a model of some bits remembers.

    Attributes:
        inner: State of the system within.
        above: The bits above those it models, as it was told them, (batch, samples).
        read: Number of symbols read.
        told_from: Symbol at which `above` begins.
    """

    inner: State
    above: Tensor
    read: int = 0
    told_from: int = 0

    def pick(self, rows: Sequence[int]) -> BitsState:
        """Return the same of some sequences."""
        inner = pick_streams(self.inner, rows, len(self.above))
        return self._replace(inner=inner, above=self.above[list(rows)])

    def next_above(self, length: int) -> Tensor:
        """Return the bits above those of the next symbols, (batch, length)."""
        begin = self.read - self.told_from
        return self.above[:, begin : begin + length]


class BitsModel(RetoldModel):
    """A model of the lower bits of symbols, as codes of a system within; it may be told the upper.

    Attributes:
        inner: The system within.
    """

    inner: RetoldModel

    @property
    @abstractmethod
    def modelled_bits(self) -> int:
        """Bits of a symbol that are modelled, the least significant ones."""

    @abstractmethod
    def part(self, condition: Condition | None, count: int) -> tuple[Tensor, Condition | None]:
        """Part what is told into upper bits, int64 (count, samples), and what is for the inner."""

    @abstractmethod
    def whole(self, lower: Tensor, above: Tensor) -> Tensor:
        """Return symbols of their lower bits and those above, each (batch, length)."""

    @abstractmethod
    def refined(self, lower: Distribution, above: Tensor) -> Distribution:
        """Return the distributions of symbols, of those of their lower bits."""

    def lower(self, symbols: Tensor) -> Tensor:
        """Return the bits of symbols that are modelled."""
        return symbols.long() & ((1 << self.modelled_bits) - 1)

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `AutoregressiveModel.state_types`."""
        return BitsState, *self.inner.state_types

    def start(self, count: int, condition: Condition | None = None) -> BitsState:
        """See `AutoregressiveModel.start`."""
        above, told = self.part(condition, count)
        return BitsState(self.inner.start(count, told), above)

    def retell(self, state: BitsState, told: Condition, past: int = 0) -> BitsState:
        """See `RetoldModel.retell`."""
        above, inner = self.part(told, len(state.above))
        within = self.inner.retell(state.inner, inner or {}, past)
        return BitsState(within, above, state.read, state.read - past)

    def steps(self) -> BitsEngine:
        """Return an engine that takes the own steps of the system within.

        Unlike own steps of whole symbols, it can choose among the bits by a strategy.
        """
        return BitsEngine(self, StepEngine(self.inner))

    def advance(self, previous: Tensor, state: BitsState) -> tuple[Distribution, BitsState]:
        """See `AutoregressiveModel.advance`."""
        length = previous.shape[1]
        distribution, inner = self.inner.advance(self.lower(previous), state.inner)
        refined = self.refined(distribution, state.next_above(length))
        return refined, state._replace(inner=inner, read=state.read + length)


@dataclass(frozen=True)
class BitsEngineState(EngineState):
    """Where an engine of some bits is.

    Attributes:
        bits: As the model has it, with a state of the inner engine within.
        owner: Hash of the whole model.
    """

    bits: BitsState = field(kw_only=True)
    owner: str = field(kw_only=True)

    @property
    def digest(self) -> str:
        """See `EngineState.digest`."""
        return self.owner

    def pick(self, rows: Sequence[int]) -> BitsEngineState:
        """See `EngineState.pick`."""
        inner, above = self.bits.inner.pick(rows), self.bits.above[list(rows)]
        bits = self.bits._replace(inner=inner, above=above)
        return replace(self, previous=self.previous[list(rows)], bits=bits)

    def leave(self) -> Saved:
        """See `EngineState.leave`: with the model's own state within."""
        saved = self.bits.inner.leave()
        return Saved(self.previous, self.bits._replace(inner=saved.inner), saved.memory)


class BitsEngine(TellingEngine):
    """Draws symbols of a model of bits, by an engine of the system within.

    Args:
        model: Whose symbols they are.
        inner: Of the system within.
    """

    model: BitsModel

    def __init__(self, model: BitsModel, inner: Engine) -> None:
        self.model, self.inner, self.name = model, inner, inner.name

    @cached_property
    def digest(self) -> str:
        """See `Engine.digest`; the engine within holds the weights as they were, as this does."""
        return model_digest(self.model)

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> BitsEngineState:
        """See `Engine.start`."""
        above, told = self.model.part(to_device(condition, self.device), count)
        silence = torch.full((count,), self.model.initial, device=self.device).long()
        inner = self.inner.start(count, condition=told)
        state = BitsEngineState(silence, bits=BitsState(inner, above), owner=self.digest)
        if prompt is None:
            return state
        # Gone along, not given to the inner engine: before it came this silence, not that of codes.
        past = self.model.symbols(prompt.to(self.device)).expand(count, -1)
        return self._along(past, state)[1]

    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.step`."""
        assert isinstance(state, BitsEngineState)
        lower, inner = self.inner.step(self._inner(state))
        return self._behind(lower, state.previous[:, None], inner, state)

    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.follow`."""
        assert isinstance(state, BitsEngineState)
        return self._along(symbols.to(self.device), state)

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
        """See `Engine.draw`; temperature and strategy are for the bits that are modelled."""
        assert isinstance(state, BitsEngineState)
        way: dict[str, Any] = {"temperature": temperature, "strategy": strategy}
        inner = self._inner(state)
        drawn = self.inner.draw(inner, length, generator=generator, spread=spread, **way)
        symbols = self.model.whole(drawn.symbols, state.bits.next_above(length))
        return drawn._replace(symbols=symbols, state=self._read(symbols, drawn.state, state))

    def tell(self, state: EngineState, told: Condition, past: int = 0) -> BitsEngineState:
        """See `TellingEngine.tell`."""
        assert isinstance(state, BitsEngineState)
        above, within = self.model.part(to_device(told, self.device), state.count)
        bits = state.bits
        inner = tell(self.inner, self._inner(state), within or {}, past)
        return replace(state, bits=BitsState(inner, above, bits.read, bits.read - past))

    def enter(self, saved: Saved, where: str) -> BitsEngineState:
        """See `Engine.enter`."""
        previous, bits = saved.previous.to(self.device), saved.inner
        inner = self.inner.enter(
            saved._replace(previous=self.model.lower(previous), inner=bits.inner), where
        )
        bits = bits._replace(inner=inner, above=bits.above.to(self.device))
        return BitsEngineState(previous, bits=bits, owner=self.digest)

    def _inner(self, state: BitsEngineState) -> EngineState:
        """Return where the inner engine is, after the symbols that were chosen last."""
        return state.bits.inner.then(self.model.lower(state.previous))

    def _along(
        self, symbols: Tensor, state: BitsEngineState
    ) -> tuple[Distribution, BitsEngineState]:
        lower, inner = self.inner.follow(self.model.lower(symbols), self._inner(state))
        return self._behind(lower, symbols, inner, state)

    def _behind(
        self, lower: Distribution, symbols: Tensor, inner: EngineState, state: BitsEngineState
    ) -> tuple[Distribution, BitsEngineState]:
        """Return the distributions of symbols (count, length), and the state behind them."""
        above = state.bits.next_above(symbols.shape[1])
        return self.model.refined(lower, above), self._read(symbols, inner, state)

    def _read(self, symbols: Tensor, inner: EngineState, state: BitsEngineState) -> BitsEngineState:
        """Return the state behind symbols (count, length), of which the last is unread."""
        bits = state.bits._replace(inner=inner, read=state.bits.read + symbols.shape[1])
        return replace(state, previous=symbols[:, -1], bits=bits)


def steps_of_level(level: AutoregressiveModel) -> Engine:
    """Return an engine that takes a level's own steps."""
    return level.steps() if isinstance(level, BitsModel) else StepEngine(level)
