"""Sound without a likelihood of its own, made from codes that a cascade draws: frame by frame."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from typica.core.cascade import Cascade
from typica.core.cascade_engine import CascadeEngine
from typica.core.condition import Condition, Need
from typica.core.engine import Draws, Engine, EngineState, StepEngine, check_draw, check_generators
from typica.core.engine_state import Saved, model_digest
from typica.core.engined import EnginedModel
from typica.core.errors import ConfigError, RunError, ShapeError
from typica.core.randomness import Randomness
from typica.core.spread import spread as spread_of
from typica.core.strategy import Strategy


class FramedModel(EnginedModel):
    """A model whose sound is a function of codes: each stands for a frame of so many samples.

    What an engine draws from it are amplitudes; the nats that it tells are those of the codes,
    evenly over the samples of their frames.
    """

    initial = 0.0
    final = None

    @property
    @abstractmethod
    def tokens(self) -> Cascade:
        """What draws the codes. Its `read` takes audio."""

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`: what draws the codes is told, and the sound follows from them."""
        return self.tokens.needs

    @property
    @abstractmethod
    def frame(self) -> int:
        """Samples of a code."""

    @property
    def receptive_fields(self) -> Sequence[int | None]:
        """See `StreamingModel.receptive_fields`: those of its codes."""
        return self.tokens.receptive_fields

    @property
    @abstractmethod
    def reach(self) -> int:
        """Codes on either side of a place that change the sound there."""

    @property
    @abstractmethod
    def block(self) -> int:
        """Codes that are made sound at once."""

    @abstractmethod
    def sound(self, codes: Tensor) -> Tensor:
        """Return audio (batch, 1, frames x frame) of codes (batch, frames)."""

    def symbols(self, x: Tensor) -> Tensor:
        """Return amplitudes (batch, time) of audio (batch, 1, time).

        Raises:
            ShapeError: `x` is not (batch, 1, time).
        """
        if x.ndim != 3 or x.shape[1] != 1:
            raise ShapeError(f"audio must have shape (batch, 1, time), got {tuple(x.shape)}")
        return x[:, 0]

    def render(self, symbols: Tensor) -> Tensor:
        """Return audio (batch, 1, time) of amplitudes (batch, time)."""
        return symbols[:, None].clamp(-1, 1)

    def steps(self) -> FramedEngine:
        """Return an engine that takes the own steps of what draws the codes."""
        return FramedEngine(self, [StepEngine(level) for level in self.tokens.levels])

    @property
    def burst(self) -> int:
        """See `EnginedModel.burst`: a block of codes."""
        return self.block * self.frame


class Ready(NamedTuple):
    """Sound that was made and not yet given, and what was thought of it; each (count, samples).

    Attributes:
        amplitudes: The sound.
        log_prob: Nats of the codes, over their samples; so are the others.
        log_draw: Under what was drawn from.
        entropy: Of the distributions of the codes.
        varentropy: In nats squared; a code's is spread like the others, so that sums are right.
    """

    amplitudes: Tensor
    log_prob: Tensor
    log_draw: Tensor
    entropy: Tensor
    varentropy: Tensor

    def split(self, length: int) -> tuple[Self, Self]:
        """Return what comes first, and the rest."""
        first, rest = zip(*((one[:, :length], one[:, length:]) for one in self), strict=True)
        return type(self)(*first), type(self)(*rest)


@dataclass(frozen=True)
class FramedState(EngineState):
    """What was drawn, on the way from codes to sound.

    Attributes:
        inner: Of the codes' engine.
        codes: Those around what will be made sound next, (count, length).
        nats: What was thought of them, (4, count, length), in the order of `Ready`.
        past: How many of them lie before that.
        ready: Sound that was not given yet.
        owner: Hash of the whole model.
    """

    inner: EngineState = field(kw_only=True)
    codes: Tensor = field(kw_only=True)
    nats: Tensor = field(kw_only=True)
    past: int = field(kw_only=True)
    ready: Ready = field(kw_only=True)
    owner: str = field(kw_only=True)

    @property
    def digest(self) -> str:
        """See `EngineState.digest`."""
        return self.owner

    def pick(self, rows: Sequence[int]) -> FramedState:
        """See `EngineState.pick`."""
        index = list(rows)
        return replace(
            self,
            previous=self.previous[index],
            inner=self.inner.pick(rows),
            codes=self.codes[index],
            nats=self.nats[:, index],
            ready=Ready(*(one[index] for one in self.ready)),
        )

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        own = self.codes, self.nats, self.past, tuple(self.ready)
        return Saved(self.previous, (tuple(self.inner.leave()), *own))


class Accounted(Distribution):
    """What stands for the distributions of samples that are a function of codes.

    Its log-probabilities are those of the samples that were gone along, whatever is asked.
    """

    arg_constraints: dict[str, Any] = {}

    def __init__(self, log_prob: Tensor, entropy: Tensor, varentropy: Tensor) -> None:
        super().__init__(log_prob.shape, validate_args=False)
        self._log_prob, self._spread = log_prob, (entropy, varentropy)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the nats of the samples that were gone along."""
        return self._log_prob

    def spread(self) -> tuple[Tensor, Tensor]:
        """See `typica.core.spread.Spreading`."""
        return self._spread


class FramedEngine(Engine):
    """Draws sound of a framed model: codes by a cascade's engine, a block of them made sound.

    Args:
        model: What is drawn from.
        engines: Of the levels of its codes, highest first.
    """

    def __init__(self, model: FramedModel, engines: Sequence[Engine]) -> None:
        self.framed, self.model = model, cast(Any, model)
        self.codes = CascadeEngine(model.tokens, engines)
        self.name = self.codes.name

    @cached_property
    def digest(self) -> str:
        """See `Engine.digest`."""
        return model_digest(self.framed)

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> FramedState:
        """See `CascadeEngine.start`."""
        x, symbols = self.codes.heard(count, prompt)
        return self._behind(x, symbols[-1], self.codes.behind(symbols, condition))

    def step(self, state: EngineState) -> tuple[Distribution, EngineState]:
        """Refuse: samples of a frame are not drawn one by one.

        Raises:
            RunError: Always.
        """
        name = type(self.framed).__name__
        raise RunError(
            f"{name} draws codes, not samples: there is no next sample by itself; take a strategy "
            f"that chooses symbol by symbol, such as nucleus"
        )

    def follow(self, symbols: Tensor, state: EngineState) -> tuple[Distribution, EngineState]:
        """Go along amplitudes; what is told of them is told of their codes."""
        assert isinstance(state, FramedState)
        x = symbols[:, None].to(self.device)
        whole = F.pad(x, (0, -x.shape[-1] % self.framed.tokens.hop))
        with torch.no_grad():
            heard = self.framed.tokens.read(whole)
        distribution, inner = self.codes.along(heard, cast(Any, state.inner))
        accounted = self._accounted(heard[-1], distribution, x.shape[-1])
        return accounted, self._behind(x, heard[-1], inner)

    def follow_in_parts(
        self, symbols: Tensor, state: EngineState, length: int
    ) -> Iterator[tuple[Tensor, Distribution]]:
        """See `Engine.follow_in_parts`; the codes are those of all symbols together.

        Raises:
            ConfigError: A part does not hold whole frames.
        """
        assert isinstance(state, FramedState)
        if length % self.framed.frame:
            raise ConfigError(
                f"parts must hold whole frames of {self.framed.frame} samples, got {length}"
            )
        symbols = symbols.to(self.device)
        render = self.framed.render
        heard = self.codes.along_in_parts(symbols, render, cast(Any, state.inner), length)
        for part, (codes, distribution) in zip(symbols.split(length, 1), heard, strict=True):
            yield part, self._accounted(codes, distribution, part.shape[1])

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
        """See `Engine.draw`; temperature and strategy are for the codes."""
        check_draw(length, temperature, strategy)
        check_generators(generator, state.count)
        assert isinstance(state, FramedState)
        way = {"temperature": temperature, "strategy": strategy, "generator": generator}
        while state.ready.amplitudes.shape[1] < length:
            state = self._sounded(self._drawn(state, way))
        now, rest = state.ready.split(length)
        state = replace(state, previous=now.amplitudes[:, -1], ready=rest)
        entropy, varentropy = (now.entropy, now.varentropy) if spread else (None, None)
        return Draws(now.amplitudes, now.log_prob, now.log_draw, entropy, varentropy, state)

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `Engine.state_types`."""
        return self.codes.state_types

    def enter(self, saved: Saved, where: str) -> FramedState:
        """See `Engine.enter`."""
        inner, codes, nats, past, ready = saved.inner
        return FramedState(
            saved.previous.to(self.device),
            inner=self.codes.enter(Saved(*inner), where),
            codes=codes.to(self.device),
            nats=nats.to(self.device),
            past=past,
            ready=Ready(*(one.to(self.device) for one in ready)),
            owner=self.digest,
        )

    def _behind(self, x: Tensor, codes: Tensor, inner: EngineState) -> FramedState:
        """Return the state behind audio (count, 1, time) and its codes."""
        past = min(self.framed.reach, codes.shape[1])
        nothing = x.new_zeros(len(x), 0)
        return FramedState(
            x[:, 0, -1],
            inner=inner,
            codes=codes[:, codes.shape[1] - past :],
            nats=x.new_zeros(4, len(x), past),
            past=past,
            ready=Ready(*(nothing for _ in Ready._fields)),
            owner=self.digest,
        )

    def _drawn(self, state: FramedState, way: dict[str, Any]) -> FramedState:
        """Draw the codes that the next block of sound needs."""
        missing = state.past + self.framed.block + self.framed.reach - state.codes.shape[1]
        # Spread always: what lies ready may go to who asks for it. Compiled, it costs under 4 %,
        # by own steps 10 %.
        drawn = self.codes.draw(state.inner, missing, spread=True, **way)
        nats = (drawn.log_prob, drawn.log_draw, drawn.entropy, drawn.varentropy)
        told = torch.stack([cast(Tensor, one).to(state.nats) for one in nats])
        return replace(
            state,
            inner=drawn.state,
            codes=torch.cat([state.codes, drawn.symbols], 1),
            nats=torch.cat([state.nats, told], 2),
        )

    def _sounded(self, state: FramedState) -> FramedState:
        """Make a block of codes sound, and forget what lies too far behind it."""
        block, past = self.framed.block, state.past
        with torch.no_grad():
            audio = self.framed.sound(state.codes)[:, 0].clamp(-1, 1)
        size = self.framed.frame
        audio = audio[:, past * size : (past + block) * size]
        nats = (self._over_samples(one[:, past : past + block]) for one in state.nats)
        ready = (torch.cat(pair, 1) for pair in zip(state.ready, (audio, *nats), strict=True))
        kept = min(self.framed.reach, past + block)
        gone = past + block - kept
        return replace(
            state,
            codes=state.codes[:, gone:],
            nats=state.nats[:, :, gone:],
            past=kept,
            ready=Ready(*ready),
        )

    def _accounted(self, codes: Tensor, distribution: Distribution, length: int) -> Accounted:
        """Return what stands for the distributions of so many samples of codes."""
        columns = distribution.log_prob(codes), *spread_of(distribution)
        return Accounted(*(self._over_samples(one)[:, :length] for one in columns))

    def _over_samples(self, nats: Tensor) -> Tensor:
        """Spread nats of codes (count, frames) evenly over their samples."""
        return (nats / self.framed.frame).repeat_interleave(self.framed.frame, 1)
