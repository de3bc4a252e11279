"""Models that are drawn from by an engine of their own, whatever they are made of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import Engine, EngineState
from typica.core.model import StreamingModel
from typica.core.randomness import Randomness


class EnginedModel(StreamingModel):
    """A model whose engine knows how it is drawn from: `sample` and `stream` are written here."""

    @abstractmethod
    def steps(self) -> Engine:
        """Return an engine that takes the own steps of the systems within."""

    @abstractmethod
    def symbols(self, x: Tensor) -> Tensor:
        """Return what an engine draws, (batch, length), of examples such as (batch, 1, time)."""

    @abstractmethod
    def render(self, symbols: Tensor) -> Tensor:
        """Return examples of what an engine draws, (batch, length)."""

    @property
    @abstractmethod
    def burst(self) -> int:
        """Samples that are heard at once of a stream."""

    def sample(
        self,
        count: int,
        length: int,
        *,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Tensor:
        """See `Model.sample`."""
        engine = self.steps()
        state = engine.start(count, condition=condition)
        return engine.model.render(engine.draw(state, length, generator=generator).symbols)

    def stream(
        self,
        count: int = 1,
        *,
        condition: Condition | None = None,
        generator: Randomness = None,
    ) -> Iterator[Tensor]:
        """Yield audio without end, `burst` samples at a time."""
        engine = self.steps()
        state: EngineState = engine.start(count, condition=condition)
        while True:
            drawn = engine.draw(state, self.burst, generator=generator)
            state = drawn.state
            yield engine.model.render(drawn.symbols)
