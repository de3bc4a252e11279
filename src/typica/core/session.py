"""Streams that go on in place, for searches: at each step many of them leave and others split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor
from torch.distributions import Distribution

from typica.core.engine import Engine, EngineState


class Session(ABC):
    """Rows that an engine reads side by side; what a row goes on from may be another's past.

    Unlike an `EngineState` it is no value: there is one present, and each step changes it.
    """

    @abstractmethod
    def step(self) -> Distribution:
        """Read what was chosen last; tell what follows, batch shape (rows, 1)."""

    @abstractmethod
    def choose(self, parents: Tensor, symbols: Tensor) -> None:
        """Choose what is read next.

        Args:
            parents: The row whose past each row goes on from, (rows,), int64. There may be fewer
                rows than before, or more.
            symbols: What each of them chose, (rows,).
        """

    @abstractmethod
    def state(self) -> EngineState:
        """Return where it is, as a value."""


class BeamSteps(NamedTuple):
    """A stretch of a beam search.

    Attributes:
        parents: The row that each row goes on from, at each step, (length, rows).
        symbols: What each chose, (length, rows).
        scores: Log-probabilities of the rows after the stretch, (sources, width).
        entropy: Of the distributions that each step chose from, in nats, (length, rows), or None.
        varentropy: In nats squared, or None.
    """

    parents: Tensor
    symbols: Tensor
    scores: Tensor
    entropy: Tensor | None = None
    varentropy: Tensor | None = None


class BeamSession(Session):
    """A session that also chooses by itself, for models whose sequences have no end."""

    @abstractmethod
    def search(self, scores: Tensor, length: int, *, spread: bool = False) -> BeamSteps:
        """Go on with the best continuations of all rows of a source, step after step.

        Of equal scores, the row that stood higher comes first, then the lower symbol.

        Args:
            scores: Log-probabilities of the rows, (sources, width), best first; -inf for a row
                that is none.
            length: Steps.
            spread: Whether entropies and varentropies are wanted.
        """


class SessionEngine(Engine):
    """An engine with sessions of its own, cheaper than values that are picked from."""

    @abstractmethod
    def session(self, state: EngineState) -> Session:
        """Return a session that goes on from a state, which is left as it was."""


class StateSession(Session):
    """A session of any engine, by values: the rows are copied when they split."""

    def __init__(self, engine: Engine, state: EngineState) -> None:
        self._engine, self._state = engine, state

    def step(self) -> Distribution:
        """See `Session.step`."""
        distribution, self._state = self._engine.step(self._state)
        return distribution

    def choose(self, parents: Tensor, symbols: Tensor) -> None:
        """See `Session.choose`."""
        rows = parents.tolist()
        if rows != list(range(self._state.count)):
            self._state = self._state.pick(rows)
        self._state = self._state.then(symbols)

    def state(self) -> EngineState:
        """See `Session.state`."""
        return self._state


def open_session(engine: Engine, state: EngineState) -> Session:
    """Return a session that goes on from a state: the engine's own, where it has such."""
    if isinstance(engine, SessionEngine):
        return engine.session(state)
    return StateSession(engine, state)
