"""An engine of slices: all are drawn side by side by one engine, each some frames behind the last.

Slice b draws a frame `distance` steps after slice b - 1 has, so that all it is told of was drawn
before, and the slices are rows of one batch: as many symbols a step as there are slices. Sound is
given in the order of time when the last slice is there. What is measured of a symbol is given its
own slice's past and what the slice was told: summed over all it is the log-probability of the
sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition, Track
from typica.core.engine import Draws, Engine, EngineState, check_draw, check_generators
from typica.core.engine_state import Saved, model_digest
from typica.core.errors import ConfigError, RunError
from typica.core.model import BLOCK
from typica.core.randomness import Randomness
from typica.core.sliced import SlicedModel
from typica.core.slices import Interleaved, earlier, for_slices, joined, sliced, staggered
from typica.core.strategy import Strategy
from typica.core.telling import tell


class Rows(NamedTuple):
    """Slices on their way: what all of them have drawn, each up to its own frame.

    Attributes:
        inner: Of the inner engine: a row for each slice, those of a stream together.
        symbols: The last of each slice, (count, factor, frames); slice b's end `distance` x b
            frames before those of the first.
        nats: What was thought of them, (4, count, factor, frames): log-probability, that of the
            draw, entropy and varentropy.
        known: What slices have still to read rather than to draw, (count, factor, frames): the
            last of it is the last frame of the past, for the last slice.
    """

    inner: EngineState
    symbols: Tensor
    nats: Tensor
    known: Tensor


@dataclass(frozen=True)
class SlicedState(EngineState):
    """What was heard and given, and what was drawn beyond it.

    Attributes:
        past: The last symbols that were heard or given, (count, time).
        rows: Slices on their way; None where nothing was drawn since something was heard.
        ready: Symbols that are there and were not given yet, (count, time).
        ready_nats: What was thought of them, (4, count, time); see `Rows`.
        owner: Hash of the whole model.
    """

    past: Tensor = field(kw_only=True)
    rows: Rows | None = field(default=None, kw_only=True)
    ready: Tensor = field(kw_only=True)
    ready_nats: Tensor = field(kw_only=True)
    owner: str = field(kw_only=True)

    @property
    def digest(self) -> str:
        """See `EngineState.digest`."""
        return self.owner

    def pick(self, rows: Sequence[int]) -> SlicedState:
        """See `EngineState.pick`."""
        index = list(rows)
        return replace(
            self,
            previous=self.previous[index],
            past=self.past[index],
            rows=None if self.rows is None else _picked(self.rows, index),
            ready=self.ready[index],
            ready_nats=self.ready_nats[:, index],
        )

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        rows = None
        if self.rows is not None:
            rows = (tuple(self.rows.inner.leave()), *self.rows[1:])
        return Saved(self.previous, (self.past, rows, self.ready, self.ready_nats))


class Way(NamedTuple):
    """How symbols are drawn; see `Engine.draw`."""

    temperature: float
    strategy: Strategy | None
    generator: Randomness


class SlicedEngine(Engine):
    """Draws from a model of slices; a temperature and a strategy are for each slice by itself.

    Args:
        model: What is drawn from.
        inner: An engine of its inner system.
    """

    def __init__(self, model: SlicedModel, inner: Engine) -> None:
        self.sliced, self.model, self.inner = model, cast(Any, model), inner
        self.name = f"{model.factor} slices by {inner.name}"
        self._columns = (model.factor - 1) * model.distance + model.look_back + model.block
        every = torch.ones(1, model.factor, 1, dtype=torch.bool)
        self._there = earlier(every, [1] * (model.factor - 1), 1)  # of slices, those that there are

    @cached_property
    def digest(self) -> str:
        """See `Engine.digest`; the engine holds the weights as they were, and so does this."""
        return model_digest(self.sliced)

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> SlicedState:
        """See `Engine.start`; before a prompt there was silence.

        The first symbol that is drawn is the first slice's.
        """
        if condition:
            raise ConfigError("a model of slices is told nothing from outside")
        if prompt is None:
            prompt = torch.zeros(1, 1, 1)
        symbols = self.sliced.symbols(prompt.to(self.device))
        return self._heard(symbols.expand(count, -1))

    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """Refuse: what follows in time is drawn after some of what follows it.

        Raises:
            RunError: Always.
        """
        name = type(self.sliced).__name__
        raise RunError(
            f"{name} draws slices side by side: there is no next sample by itself; take a strategy "
            f"that chooses symbol by symbol, such as nucleus"
        )

    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """See `Engine.follow`; of what follows the symbols nothing is known.

        What was drawn beyond the state is forgotten. The next symbol is the first slice's.
        """
        assert isinstance(state, SlicedState)
        symbols = symbols.to(self.device)
        ((_, distribution),) = self.follow_in_parts(symbols, state, symbols.shape[1])
        return distribution, self._heard(torch.cat([state.past, symbols.to(state.past)], 1))

    def follow_in_parts(
        self, symbols: Tensor, state: EngineState, length: int
    ) -> Iterator[tuple[Tensor, Distribution]]:
        """See `Engine.follow_in_parts`; slices are told of all symbols, not of a part's alone."""
        assert isinstance(state, SlicedState)
        factor, count, total = self.sliced.factor, state.count, symbols.shape[1]
        past = self._silenced(state.past, self._heard_frames)
        symbols = symbols.to(past)
        whole = F.pad(torch.cat([past, symbols], 1), (0, -total % factor))
        slices, known = sliced(whole, factor), past.shape[1] + total
        frame, read = past.shape[1] // factor, self.sliced.look_back

        def rows(begin: int, end: int) -> Tensor:
            return slices[..., begin:end].flatten(0, 1)

        told = self._told_at(slices, known, read, frame)
        inner = self._begin(count, rows(read, frame), told)
        for begin in range(0, total, length):
            end = min(begin + length, total)
            first, last = frame + begin // factor, frame + -(-end // factor)
            inner = self._tell(inner, self._told_at(slices, known, first, last))
            found, after = self.inner.follow(rows(first, last), inner)
            some = end - begin
            yield symbols[:, begin:end], Interleaved(found, factor, begin % factor, some)
            if end % factor:  # the last frame's rest belongs to the next part
                last -= 1
                after = self.inner.follow(rows(first, last), inner)[1] if last > first else inner
            inner = after

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
        assert isinstance(state, SlicedState)
        way = Way(temperature, strategy, generator)
        rows, symbols, nats = state.rows, [state.ready], [state.ready_nats]
        block = self.sliced.block * self.sliced.factor
        for _ in range(-(-(length - state.ready.shape[1]) // block)):
            rows = self._gone_on(self._set_out(state.past, way) if rows is None else rows, way)
            symbols.append(self._complete(rows.symbols))
            nats.append(self._complete(rows.nats.flatten(0, 1)).unflatten(0, (4, -1)))
        return self._given(state, rows, torch.cat(symbols, 1), torch.cat(nats, 2), length, spread)

    def _given(
        self,
        state: SlicedState,
        rows: Rows | None,
        symbols: Tensor,
        nats: Tensor,
        length: int,
        spread: bool,
    ) -> Draws:
        """Give the first of what is there; the rest is ready for the next time."""
        now, (log_prob, log_draw, entropy, varentropy) = symbols[:, :length], nats[..., :length]
        state = replace(
            state,
            previous=now[:, -1],
            memory=None,
            past=torch.cat([state.past, now], 1)[:, -self._kept :],
            rows=rows,
            ready=symbols[:, length:],
            ready_nats=nats[..., length:],
        )
        if not spread:
            return Draws(now, log_prob, log_draw, None, None, state)
        return Draws(now, log_prob, log_draw, entropy, varentropy, state)

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `Engine.state_types`."""
        return self.inner.state_types

    def enter(self, saved: Saved, where: str) -> SlicedState:
        """See `Engine.enter`."""
        past, rows, ready, nats = saved.inner
        if rows is not None:
            inner = self.inner.enter(Saved(*rows[0]), where)
            rows = Rows(inner, *(one.to(self.device) for one in rows[1:]))
        return SlicedState(
            saved.previous.to(self.device),
            past=past.to(self.device),
            rows=rows,
            ready=ready.to(self.device),
            ready_nats=nats.to(self.device),
            owner=self.digest,
        )

    @property
    def _heard_frames(self) -> int:
        """Frames that are heard, at least, before the first that is drawn."""
        return self.sliced.look_back + max(1, -(-self.sliced.context // self.sliced.factor))

    @property
    def _kept(self) -> int:
        """Symbols of the past that a state keeps."""
        return max(BLOCK, self.sliced.context)

    def _heard(self, past: Tensor) -> SlicedState:
        """Return the state behind symbols (count, time)."""
        nothing = past[:, :0]
        nats = torch.zeros(4, len(past), 0, device=past.device)
        kept = past[:, -self._kept :]
        return SlicedState(
            past[:, -1], past=kept, ready=nothing, ready_nats=nats, owner=self.digest
        )

    def _silenced(self, past: Tensor, frames: int) -> Tensor:
        """Let silence precede a past: whole frames, at least so many.

        As many are read of them as the inner system wants together.
        """
        factor, unit, read = self.sliced.factor, self.sliced.inner.alignment, self.sliced.look_back
        wanted = max(frames, -(-past.shape[1] // factor)) - read
        whole = read + -(-wanted // unit) * unit
        return F.pad(past, (whole * factor - past.shape[1], 0), value=self.sliced.initial)

    def _set_out(self, past: Tensor, way: Way) -> Rows:
        """Let all slices come to the end of the past, and draw what those before the last do."""
        rows = self._hearing(past)
        while rows.known.shape[-1]:
            rows = self._along(rows, way)
        return rows

    def _hearing(self, past: Tensor) -> Rows:
        """Let each slice hear the past, up to as many frames before its end as it is behind."""
        factor, distance = self.sliced.factor, self.sliced.distance
        behind, read = (factor - 1) * distance, self.sliced.look_back
        past = self._silenced(past, behind + max(self._columns, self._heard_frames))
        slices = sliced(past, factor)
        frames = slices.shape[-1]
        ends = [frames - b * distance for b in range(factor)]
        length = frames - behind - read
        told = self._told_at(slices, past.shape[1], read, frames) or {}
        own = {
            name: _staggered_track(track, [end - read for end in ends], length)
            for name, track in told.items()
        }
        inner = self._begin(len(past), staggered(slices, ends, length).flatten(0, 1), own or None)
        ahead = F.pad(slices, (0, behind))
        return Rows(
            inner,
            staggered(slices, ends, self._columns),
            torch.zeros(4, *slices.shape[:2], self._columns, device=past.device),
            staggered(ahead, [end + behind for end in ends], behind),
        )

    def _begin(self, count: int, rows: Tensor, told: Condition | None) -> EngineState:
        """Return the inner state behind rows (count x factor, frames)."""
        audio = self.sliced.render(rows)
        return self.inner.start(count * self.sliced.factor, condition=told, prompt=audio)

    def _tell(self, inner: EngineState, told: Condition | None) -> EngineState:
        return tell(self.inner, inner, told) if told else inner

    def _along(self, rows: Rows, way: Way) -> Rows:
        """Draw some frames of slices that have come to the end of the past; the others read on.

        What was drawn is then read by all together: rows of one state have read equally much.
        """
        factor, distance, count = self.sliced.factor, self.sliced.distance, len(rows.symbols)
        done = (factor - 1) * distance - rows.known.shape[-1]
        free = done // distance + 1
        length = min(self.sliced.block, free * distance - done)
        told = self._told(rows.symbols, length)
        index = [row * factor + b for row in range(count) for b in range(free)]
        own = {name: track._replace(values=track.values[index]) for name, track in told.items()}
        drawn = self._draw(self._tell(rows.inner.pick(index), own), length, way, free)
        symbols = rows.known[..., :length].clone()
        symbols[:, :free] = drawn.symbols.unflatten(0, (count, free))
        inner = self.inner.follow(symbols.flatten(0, 1), self._tell(rows.inner, told))[1]
        nats = rows.nats.new_zeros(4, count, factor, length)
        nats[:, :, :free] = _nats(drawn).unflatten(1, (count, free))
        if way.strategy is not None:
            memory = way.strategy.begin(count * factor).to(drawn.state.previous.device)
            memory[index] = drawn.state.remembered(way.strategy).to(memory)
            inner = inner.remembering(way.strategy, memory)
        return _longer(rows, inner, symbols, nats)._replace(known=rows.known[..., length:])

    def _gone_on(self, rows: Rows, way: Way) -> Rows:
        """Draw a block of frames of every slice."""
        block, factor = self.sliced.block, self.sliced.factor
        inner = self._tell(rows.inner, self._told(rows.symbols, block))
        drawn = self._draw(inner, block, way, factor)
        symbols, nats = drawn.symbols.unflatten(0, (-1, factor)), _nats(drawn)
        return _longer(rows, drawn.state, symbols, nats.unflatten(1, (-1, factor)))

    def _draw(self, inner: EngineState, length: int, way: Way, slices: int) -> Draws:
        """Draw of rows of so many slices a stream."""
        own = way._replace(generator=for_slices(way.generator, slices))
        # Spread always: what lies ready may go to who asks for it. Compiled, it costs under 4 %,
        # by own steps 10 %.
        return self.inner.draw(inner, length, spread=True, **own._asdict())

    def _complete(self, values: Tensor) -> Tensor:
        """Return of the last block what all slices hold, in the order of time.

        Slices lie as they are drawn: the last one's newest frame lies further back in the others.
        """
        factor, distance = self.sliced.factor, self.sliced.distance
        ends = [values.shape[-1] - (factor - 1 - b) * distance for b in range(factor)]
        return joined(staggered(values, ends, self.sliced.block))

    @torch.no_grad()
    def _told_at(self, slices: Tensor, known: int, begin: int, end: int) -> Condition | None:
        """See `SlicedModel.told`."""
        return self.sliced.told(slices, known, begin, end)

    @torch.no_grad()
    def _told(self, symbols: Tensor, length: int) -> Condition:
        """Return what slices are told of earlier ones for the next frames; see `Rows.symbols`."""
        model = self.sliced
        if model.factor == 1:
            return {}
        # Slice b - k lies k distances ahead, of which the look-ahead and the frames are wanted.
        newest = symbols.shape[-1] + length + model.look_ahead
        ends = [newest - k * model.distance for k in range(1, model.factor)]
        near = earlier(symbols, ends, model.look_back + length + model.look_ahead)
        return model.tell(near, self._there.to(near.device))


def _staggered_track(track: Track, ends: Sequence[int], length: int) -> Track:
    """Return of each slice's frames those before an end of its own."""
    rows = track.values.unflatten(0, (-1, len(ends)))
    return track._replace(values=staggered(rows, ends, length).flatten(0, 1))


def _picked(rows: Rows, index: Sequence[int]) -> Rows:
    """Return the slices of some streams."""
    factor = rows.symbols.shape[1]
    inner = rows.inner.pick([one * factor + b for one in index for b in range(factor)])
    return Rows(inner, rows.symbols[index], rows.nats[:, index], rows.known[index])


def _nats(drawn: Draws) -> Tensor:
    """Return what was thought of draws, in the order of `Rows.nats`."""
    columns = (drawn.log_prob, drawn.log_draw, drawn.entropy, drawn.varentropy)
    return torch.stack([cast(Tensor, one).float() for one in columns])


def _longer(rows: Rows, inner: EngineState, symbols: Tensor, nats: Tensor) -> Rows:
    """Return slices that have drawn more, of which the oldest are forgotten."""
    length = symbols.shape[-1]
    return rows._replace(
        inner=inner,
        symbols=torch.cat([rows.symbols[..., length:], symbols.to(rows.symbols)], -1),
        nats=torch.cat([rows.nats[..., length:], nats.to(rows.nats)], -1),
    )
