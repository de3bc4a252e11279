"""Systems stacked: each level of a cascade is told what the one above has drawn."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from torch import Tensor

from typica.core.bits import steps_of_level
from typica.core.condition import Condition
from typica.core.engine import Engine
from typica.core.engined import EnginedModel
from typica.core.model import AutoregressiveModel


@dataclass(frozen=True)
class Told:
    """How a level is told of the symbols of the level above, its codes.

    Attributes:
        hop: Symbols of the level that one code stands over.
        before: Codes before a place that change what it is told there.
        after: Codes after it that do.
        block: Codes that are drawn at once.
    """

    hop: int
    before: int
    after: int
    block: int


class Cascade(EnginedModel):
    """A model in levels, from the top: what an engine for all of them together is made from.

    The highest is told nothing of others; the lowest draws the examples themselves.
    """

    @property
    @abstractmethod
    def levels(self) -> Sequence[AutoregressiveModel]:
        """The levels, highest first."""

    @property
    @abstractmethod
    def telling(self) -> Sequence[Told]:
        """How each level but the highest is told, from the second."""

    @property
    def frame(self) -> int:
        """Samples that a symbol of the lowest level stands for: 1, where it draws the sound."""
        return 1

    @property
    def hop(self) -> int:
        """Samples that a symbol of the highest level stands for."""
        return self.frame * math.prod(told.hop for told in self.telling)

    @property
    def receptive_fields(self) -> Sequence[int | None]:
        """See `StreamingModel.receptive_fields`."""
        hops = accumulate((told.hop for told in reversed(self.telling)), mul, initial=self.frame)
        fields = (level.receptive_field for level in reversed(self.levels))
        return [field and hop * field for hop, field in zip(hops, fields, strict=True)]

    @property
    @abstractmethod
    def margin(self) -> int:
        """Samples on either side of those that a symbol stands for that may change it.

        As `read` tells it, on any level.
        """

    @abstractmethod
    def read(self, x: Tensor) -> list[Tensor]:
        """Return the symbols of every level, (batch, length), highest first.

        Of examples (batch, channels, time); the time is a multiple of the samples of the highest
        level's codes.
        """

    @abstractmethod
    def tell(self, level: int, codes: Tensor) -> Condition:
        """Return what `levels[level]` is told of codes (batch, length) of the level above.

        Dense tracks of as many frames.
        """

    def symbols(self, x: Tensor) -> Tensor:
        """See `EnginedModel.symbols`: the lowest level's."""
        return self.levels[-1].symbols(x)

    def render(self, symbols: Tensor) -> Tensor:
        """See `EnginedModel.render`: the lowest level's."""
        return self.levels[-1].render(symbols)

    def tell_classes(self, level: int, condition: Condition, count: int) -> Condition:
        """Return what `levels[level]` is told for good, of what the cascade itself is told.

        That is sparse tracks: `needs` may hold no others, for frames are told block by block.
        """
        return {}

    @property
    def burst(self) -> int:
        """See `EnginedModel.burst`: a code's samples."""
        return self.telling[-1].hop if self.telling else 1

    def steps(self) -> Engine:
        """Return an engine that takes the levels' own steps."""
        from typica.core.cascade_engine import CascadeEngine  # which knows this class

        return CascadeEngine(self, [steps_of_level(level) for level in self.levels])
