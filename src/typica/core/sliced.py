"""Sound in interleaved slices, drawn side by side: each is told what earlier ones hold around it.

What a slice is told of earlier ones reaches `look_ahead` frames beyond its own place, so that it
may be drawn as soon as the one before it is so far ahead.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import Engine, StepEngine
from typica.core.engined import EnginedModel
from typica.core.slices import earlier
from typica.core.telling import RetoldModel

if TYPE_CHECKING:
    from typica.core.sliced_engine import SlicedEngine


class SlicedModel(EnginedModel):
    """A model of sound that draws all slices by one system.

    Attributes:
        inner: What draws a slice, symbol after symbol.
    """

    inner: RetoldModel
    final = None

    @property
    @abstractmethod
    def factor(self) -> int:
        """Number of slices; with 1 the inner system draws sound in the order of time."""

    @property
    @abstractmethod
    def look_ahead(self) -> int:
        """Frames beyond a place that a slice is told of earlier slices there."""

    @property
    @abstractmethod
    def look_back(self) -> int:
        """Frames before a place that it is told there."""

    @property
    @abstractmethod
    def block(self) -> int:
        """Frames that are drawn at once."""

    @property
    def receptive_fields(self) -> Sequence[int | None]:
        """See `StreamingModel.receptive_fields`."""
        own = self.inner.receptive_field
        return [None if own is None else self.past(own)]

    def past(self, frames: int) -> int:
        """Return the samples of the past that so many frames of a slice's past depend on.

        They are its own, or those that it was told of in the first of them.
        """
        return max(frames * self.factor, (frames + self.look_back) * self.factor - 1)

    @abstractmethod
    def tell(self, near: Tensor, is_known: Tensor) -> Condition:
        """Return what slices are told of earlier ones, one dense frame for each of theirs.

        Args:
            near: Symbols of earlier slices, (count, factor, factor - 1, look_back + frames +
                look_ahead): of slice b, the b - k is at (b, k - 1).
            is_known: Which of them are, of a shape that broadcasts to that.

        Returns:
            Tracks of `count` x `factor` rows: the slices of one example lie together.
        """

    def told(self, slices: Tensor, known: int, begin: int, end: int) -> Condition | None:
        """Return what all slices of sound are told at some frames; None where there is but one.

        Arguments are those of `around`.
        """
        return None if self.factor == 1 else self.tell(*self.around(slices, known, begin, end))

    def around(self, slices: Tensor, known: int, begin: int, end: int) -> tuple[Tensor, Tensor]:
        """Return what lies around frames in earlier slices, and what of it is known; see `tell`.

        Args:
            slices: Symbols (count, factor, frames).
            known: How many of them there are, in the order of time.
            begin: First frame.
            end: Frame behind the last.
        """
        frames = torch.arange(begin - self.look_back, end + self.look_ahead, device=slices.device)
        number = torch.arange(self.factor, device=slices.device)[:, None]
        is_known = (frames >= 0) & (frames * self.factor + number < known)
        near = slices[..., frames.clamp(0, slices.shape[-1] - 1)]
        ends = [len(frames)] * (self.factor - 1)
        return earlier(near, ends, len(frames)), earlier(is_known[None], ends, len(frames))

    @property
    def distance(self) -> int:
        """Frames that each slice is behind the one before it, while they are drawn.

        A block more than the look-ahead, for that of a whole block must be there; and as many as
        the inner system wants, whose rows have all read equally much.
        """
        unit = self.inner.alignment
        return -(-(self.look_ahead + self.block) // unit) * unit

    @property
    def delay(self) -> int:
        """Samples of time from a first slice's draw to when all of its block can be heard."""
        return ((self.factor - 1) * self.distance + self.block) * self.factor

    @property
    def initial(self) -> float:
        """Silence; see `AutoregressiveModel.initial`."""
        return self.inner.initial

    def symbols(self, x: Tensor) -> Tensor:
        """Return symbols (batch, time) of audio (batch, 1, time), in the order of time.

        Raises:
            ShapeError: `x` is not (batch, 1, time).
        """
        return self.inner.symbols(x)

    def render(self, symbols: Tensor) -> Tensor:
        """Return audio (batch, 1, time) of symbols (batch, time), in the order of time."""
        return self.inner.render(symbols)

    def steps(self) -> SlicedEngine:
        """Return an engine that takes the inner system's own steps."""
        return self.engine(StepEngine(self.inner))

    def engine(self, inner: Engine) -> SlicedEngine:
        """Return an engine that draws by one of the inner system."""
        from typica.core.sliced_engine import SlicedEngine  # which knows this class

        return SlicedEngine(self, inner)

    @property
    def burst(self) -> int:
        """See `EnginedModel.burst`: a block of frames."""
        return self.block * self.factor
