"""Engines of networks that are told frames, which may be told anew on the way."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import EngineState
from typica.core.telling import TellingEngine, check_told
from typica.engines.compiled import CompiledEngine, CompiledState
from typica.layers.upsampling import Upsampling


@dataclass(frozen=True)
class ToldState(CompiledState):
    """What a network has read and is told.

    Attributes:
        frames: Frames of the local condition, (count, channels, frames), or None.
        told_from: Symbol at which the frames begin.
    """

    frames: Tensor | None = field(kw_only=True)
    told_from: int = field(default=0, kw_only=True)


class ToldEngine(CompiledEngine, TellingEngine):
    """Draws by a kernel, told frames."""

    @property
    @abstractmethod
    def upsampling(self) -> Upsampling | None:
        """What brings the frames to the rate of the samples."""

    def tell(self, state: EngineState, told: Condition, past: int = 0) -> EngineState:
        """See `TellingEngine.tell`."""
        assert isinstance(state, ToldState)
        check_told(told, self.model.needs, state.count)
        (frames,) = (track.values.cpu().float() for track in told.values())
        return replace(state, frames=frames, told_from=state.time - past)

    def frames(self, state: ToldState, length: int) -> Tensor | None:
        """Return the local condition at each sample, (length, count, channels), or None."""
        if self.upsampling is None or state.frames is None:
            return None
        frames = state.frames.to(self.device)
        with torch.no_grad():
            return self.upsampling(frames, state.time - state.told_from, length)
