"""An engine of a cascade: one for each level, the lower told block by block what the upper draws.

What is drawn and measured is the lowest level's, given all codes: the log-probability of a sample
is that under its past and the codes above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from typica.core.cascade import Cascade
from typica.core.cascade_reading import readings
from typica.core.condition import Condition, check_condition
from typica.core.engine import Draws, Engine, EngineState, check_draw, check_generators
from typica.core.engine_state import Saved, model_digest
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import Randomness
from typica.core.strategy import Strategy
from typica.core.telling import tell


class Level(NamedTuple):
    """Where one level is.

    Attributes:
        state: Of its engine.
        codes: Of the level above: those around what it will be told next, (count, length); none
            for the highest.
        past: How many of them lie before that.
        left: Symbols that it may still draw before it must be told more; -1 for the highest, which
            need not be.
    """

    state: EngineState
    codes: Tensor
    past: int
    left: int


@dataclass(frozen=True)
class CascadeState(EngineState):
    """States of all levels, highest first.

    Attributes:
        levels: Where each is.
        owner: Hash of the whole model.
    """

    levels: tuple[Level, ...] = field(kw_only=True)
    owner: str = field(kw_only=True)

    @property
    def digest(self) -> str:
        """See `EngineState.digest`."""
        return self.owner

    def then(self, symbols: Tensor) -> CascadeState:
        """See `EngineState.then`."""
        *upper, lowest = self.levels
        state = lowest.state.then(symbols)
        return replace(self, previous=state.previous, levels=(*upper, lowest._replace(state=state)))

    def pick(self, rows: Sequence[int]) -> CascadeState:
        """See `EngineState.pick`."""
        levels = tuple(
            one._replace(state=one.state.pick(rows), codes=one.codes[list(rows)])
            for one in self.levels
        )
        return replace(self, previous=levels[-1].state.previous, levels=levels)

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        inner = tuple(
            (tuple(one.state.leave()), one.codes, one.past, one.left) for one in self.levels
        )
        return Saved(self.previous, inner)


class CascadeEngine(Engine):
    """Draws from a cascade; its `model` is the lowest level.

    A temperature and a strategy are for all levels.

    Args:
        cascade: What the levels are told.
        engines: Of its levels, highest first.
    """

    def __init__(self, cascade: Cascade, engines: Sequence[Engine]) -> None:
        self.cascade, self.engines = cascade, list(engines)
        self.model = engines[-1].model
        names = dict.fromkeys(one.name for one in engines)
        self.name = f"{len(engines)} levels by {' and '.join(names)}"

    @cached_property
    def digest(self) -> str:
        """See `Engine.digest`; the engines hold the weights as they were, and so does this."""
        return model_digest(self.cascade)

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> CascadeState:
        """See `Engine.start`; without a prompt there was silence.

        Of a prompt, what is over a multiple of the highest level's hop is left out at its
        beginning. What its last samples are told of codes behind it is not known yet.
        """
        return self.behind(self.heard(count, prompt)[1], condition)

    def heard(self, count: int, prompt: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Return what streams hear before the first draw, and all levels' symbols of it."""
        x = self.prompt(prompt).expand(count, -1, -1).to(self.device)
        with torch.no_grad():
            return x, self.cascade.read(x)

    def behind(self, symbols: Sequence[Tensor], condition: Condition | None) -> CascadeState:
        """Return the state of levels that have heard these symbols, highest first.

        Raises:
            ConfigError: The condition is not what the cascade is told.
        """
        check_condition(condition, self.cascade.needs, len(symbols[0]))
        above = [None, *symbols]
        numbered = zip(range(len(symbols)), symbols, above, strict=False)
        return self._state([self._begin(*one, condition or {}) for one in numbered])

    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.step`.

        Raises:
            RunError: All that the level has been told of was drawn: codes must be drawn first.
        """
        assert isinstance(state, CascadeState)
        *upper, lowest = state.levels
        if not lowest.left:
            raise RunError(
                "the codes of the next sample are not drawn yet: take a strategy that chooses "
                "symbol by symbol, such as nucleus"
            )
        distribution, after = self.engines[-1].step(lowest.state)
        lowest = lowest._replace(state=after, left=lowest.left - 1)
        return distribution, self._state([*upper, lowest])

    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.follow`; the codes are those that the symbols alone are given.

        Codes begin anew with them: those that were drawn beyond are forgotten. Of what follows the
        symbols nothing is known: a recording is gone along by `follow_in_parts`.
        """
        assert isinstance(state, CascadeState)
        x = self.model.render(symbols.to(self.device))
        with torch.no_grad():
            heard = self.cascade.read(F.pad(x, (0, -x.shape[-1] % self.cascade.hop)))
        return self.along([*heard[:-1], symbols], state)

    def follow_in_parts(
        self, symbols: Tensor, state: EngineState, length: int
    ) -> Iterator[tuple[Tensor, Distribution]]:
        """See `Engine.follow_in_parts`; the codes are those of all symbols together."""
        assert isinstance(state, CascadeState)
        symbols = symbols.to(self.device)
        if len(self.engines) == 1:
            yield from self.engines[0].follow_in_parts(symbols, state.levels[0].state, length)
            return
        parts = symbols.split(length, 1)
        told = self.along_in_parts(symbols, self.model.render, state, length)
        for part, (_, distribution) in zip(parts, told, strict=True):
            yield part, distribution

    def along_in_parts(
        self,
        symbols: Tensor,
        render: Callable[[Tensor], Tensor],
        state: CascadeState,
        length: int,
    ) -> Iterator[tuple[Tensor, Distribution]]:
        """Yield the lowest level's symbols of each part, and its distributions; see `readings`."""
        number = len(self.engines) - 1
        engine, level = self.engines[-1], self._forget(number, state.levels[-1])
        inner = level.state
        for part in readings(self.cascade, symbols, render, length, level.codes):
            with torch.no_grad():
                condition = self.cascade.tell(number, part.codes)
            inner = tell(engine, inner, condition, part.past)
            distribution, inner = engine.follow(part.own, inner)
            yield part.own, distribution

    def along(
        self, heard: Sequence[Tensor], state: CascadeState
    ) -> tuple[Distribution, CascadeState]:
        """Go along the symbols of all levels, highest first; see `Engine.follow`."""
        levels = list(state.levels)
        distribution: Distribution | None = None
        for number, (engine, own) in enumerate(zip(self.engines, heard, strict=True)):
            if number:
                levels[number] = self._forget(number, levels[number])
                levels[number] = self._tell(number, levels[number], heard[number - 1])
            distribution, after = engine.follow(own, levels[number].state)
            levels[number] = levels[number]._replace(state=after)
            if number:  # the last code may stand over more than was heard
                covered = heard[number - 1].shape[1] * self.cascade.telling[number - 1].hop
                levels[number] = levels[number]._replace(left=covered - own.shape[1])
        assert distribution is not None
        return distribution, self._state(levels)

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
        check_draw(length, temperature, strategy)
        check_generators(generator, state.count)
        assert isinstance(state, CascadeState)
        way = {"temperature": temperature, "strategy": strategy, "generator": generator}
        levels = list(state.levels)
        parts = self._draw(levels, len(levels) - 1, length, way, spread)
        columns = zip(*(part[:5] for part in parts), strict=True)
        joined = (None if column[0] is None else torch.cat(column, 1) for column in columns)
        symbols, log_prob, log_draw, entropy, varentropy = joined
        assert symbols is not None
        assert log_prob is not None
        assert log_draw is not None
        state = self._state(levels)
        return Draws(symbols, log_prob, log_draw, entropy, varentropy, state)

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `Engine.state_types`: those of all levels."""
        return tuple({kind: None for one in self.engines for kind in one.state_types})

    def enter(self, saved: Saved, where: str) -> CascadeState:
        """See `Engine.enter`."""
        levels = [
            Level(engine.enter(Saved(*inner), where), codes.to(self.device), past, left)
            for engine, (inner, codes, past, left) in zip(self.engines, saved.inner, strict=True)
        ]
        return self._state(levels)

    def prompt(self, prompt: Tensor | None) -> Tensor:
        """Return what is heard before the first draw: whole codes of a prompt, or silence."""
        if prompt is None:
            codes = max(1, -(-self.cascade.context // self.cascade.hop))  # none cannot be read
            return torch.zeros(1, 1, codes * self.cascade.hop)
        length = prompt.shape[-1] // self.cascade.hop * self.cascade.hop
        if not length:
            raise ConfigError(
                f"a prompt of a cascade must be at least {self.cascade.hop} samples long"
            )
        return prompt[..., prompt.shape[-1] - length :]

    @torch.no_grad()
    def _begin(self, number: int, own: Tensor, above: Tensor | None, condition: Condition) -> Level:
        """Let a level hear its own past (batch, length), told the codes above it and classes."""
        engine, count = self.engines[number], len(own)
        told = dict(self.cascade.tell_classes(number, condition, count))
        if above is not None:
            told |= self.cascade.tell(number, above)
        state = engine.start(count, condition=told, prompt=engine.model.render(own))
        if above is None:
            return Level(state, own.new_zeros(count, 0), 0, -1)
        return Level(state, above, above.shape[1], 0)

    def _draw(
        self, levels: list[Level], number: int, length: int, way: dict[str, Any], spread: bool
    ) -> list[Draws]:
        """Draw symbols of a level, and of those above what it must be told; `levels` go on."""
        parts: list[Draws] = []
        while length:
            if not levels[number].left:
                self._tell_more(levels, number, way)
            level = levels[number]
            now = length if level.left < 0 else min(length, level.left)
            drawn = self.engines[number].draw(level.state, now, spread=spread, **way)
            left = level.left if level.left < 0 else level.left - now
            levels[number] = level._replace(state=drawn.state, left=left)
            parts.append(drawn)
            length -= now
        return parts

    def _tell_more(self, levels: list[Level], number: int, way: dict[str, Any]) -> None:
        """Let a level know of the next block of codes, drawing those that are missing."""
        told, level = self.cascade.telling[number - 1], levels[number]
        missing = told.block + told.after - (level.codes.shape[1] - level.past)
        parts = self._draw(levels, number - 1, missing, way, False)
        codes = torch.cat([part.symbols for part in parts], 1)
        level = self._tell(number, level, codes, told.after)
        levels[number] = level._replace(left=told.block * told.hop)

    def _tell(self, number: int, level: Level, codes: Tensor, after: int = 0) -> Level:
        """Tell a level of all codes that there are, but for the last `after`, which come next."""
        told = self.cascade.telling[number - 1]
        codes = torch.cat([level.codes, codes], 1)
        with torch.no_grad():
            condition = self.cascade.tell(number, codes)
        state = tell(self.engines[number], level.state, condition, level.past * told.hop)
        # A block more than is read: whoever goes along may turn off within the last one.
        past = min(told.before + told.block, codes.shape[1] - after)
        return Level(state, codes[:, codes.shape[1] - after - past :], past, level.left)

    def _forget(self, number: int, level: Level) -> Level:
        """Forget the codes that a level has not yet come to."""
        past = level.past - -(-level.left // self.cascade.telling[number - 1].hop)
        return level._replace(codes=level.codes[:, : max(0, past)], past=max(0, past), left=0)

    def _state(self, levels: Sequence[Level]) -> CascadeState:
        return CascadeState(levels[-1].state.previous, levels=tuple(levels), owner=self.digest)
