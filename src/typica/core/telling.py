"""Telling a model anew what it is told, on the way: for frames that are not there beforehand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace

from typica.core.condition import Condition, Need, check_condition
from typica.core.engine import Engine, EngineState, StepState
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel, State


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
