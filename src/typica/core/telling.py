"""Telling a model anew what it is told, on the way: frames of which a part is there at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from typica.core.condition import Condition, Need, check_condition
from typica.core.device import wide_on
from typica.core.engine import Engine, EngineState, StepEngine, StepState
from typica.core.errors import ConfigError
from typica.core.model import BLOCK, AutoregressiveModel, State
from typica.core.parts import frames_around


class RetoldModel(AutoregressiveModel):
    """A model whose frames can be replaced while it draws."""

    @abstractmethod
    def retell(self, state: State, told: Condition, past: int = 0) -> State:
        """Return a state that goes on as before, told something else.

        Args:
            state: Where it is; it is left as it was.
            told: Its dense tracks; what is sparse stays.
            past: How many symbols before the next one the frames begin.

        Raises:
            ConfigError: The tracks are not those that it needs.
        """


class TellingEngine(Engine):
    """An engine whose streams can be told something else on the way."""

    @abstractmethod
    def tell(self, state: EngineState, told: Condition, past: int = 0) -> EngineState:
        """Return a state that goes on as before, told something else; see `RetoldModel.retell`."""


def tell(engine: Engine, state: EngineState, told: Condition, past: int = 0) -> EngineState:
    """Return a state that goes on as before, told something else; see `RetoldModel.retell`.

    Raises:
        ConfigError: The tracks do not fit, or the model cannot be told anew.
    """
    if isinstance(engine, TellingEngine):
        return engine.tell(state, told, past)
    if not isinstance(engine.model, RetoldModel) or not isinstance(state, StepState):
        name = type(engine.model).__name__
        raise ConfigError(f"{name} cannot be told anew while it draws: choose another system")
    return replace(state, inner=engine.model.retell(state.inner, told, past))


def check_told(told: Condition, needs: Mapping[str, Need], count: int) -> None:
    """Refuse tracks that are not the dense ones that a model needs, for `count` streams.

    Raises:
        ConfigError: They are not.
    """
    dense = {name: need for name, need in needs.items() if need.hop is not None}
    check_condition(told, dense, count)


def told_log_prob(
    model: RetoldModel,
    x: Tensor,
    told: Callable[[int, int], Condition],
    hop: int,
    reach: int,
    length: int = BLOCK,
) -> Tensor:
    """Return the log-probability of examples (batch, channels, time), in nats, (batch,).

    Without gradients, long examples are told and read part by part: memory does not grow with time.

    Args:
        model: Its symbols are as many as samples.
        x: Examples.
        told: Returns what the model is told of some frames, given where they begin and end.
        hop: Samples a frame.
        reach: Frames on either side of a place that change what is told there.
        length: Samples of a part.
    """
    time = x.shape[-1]
    whole = -(-time // hop)
    if torch.is_grad_enabled() or time <= length:
        return model.log_prob(x, told(0, whole))
    engine = StepEngine(model)
    state: EngineState | None = None
    total = torch.zeros(len(x), device=x.device, dtype=wide_on(x.device))
    for begin in range(0, time, length):
        part = model.symbols(x[..., begin : begin + length])
        first, last = frames_around(begin, begin + part.shape[1], hop, reach, reach, whole)
        first = max(0, first)
        condition = told(first, last)
        if state is None:
            state = engine.start(len(part), condition=condition)
        else:
            dense = {name: one for name, one in condition.items() if one.rate is not None}
            state = tell(engine, state, dense, begin - first * hop)
        distribution, state = engine.follow(part, state)
        total = total + distribution.log_prob(part).sum(-1, dtype=total.dtype)
    return total
