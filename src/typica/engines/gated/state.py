"""The state of an engine for gated networks: a value, made of the model's own and turned back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from typica.core.engine_state import Saved
from typica.engines.job import Floats
from typica.engines.told import ToldState
from typica.layers.gated_network import ContextState, GatedState


@dataclass(frozen=True)
class Rings:
    """How the past inputs of a stack lie in a flat array.

    Layer after layer, each (memory, count, wide); what was read at time t lies at t modulo
    memory.

    Attributes:
        memories: Rows of each layer.
        channels: Width of a row.
        wide: The same with its padding.
    """

    memories: tuple[int, ...]
    channels: int
    wide: int

    def of(self, histories: Sequence[Tensor], time: int, count: int) -> Floats:
        """Lay out histories (rows, count, channels), oldest first, as they are at a time."""
        rings = np.zeros(sum(self.memories) * count * self.wide, np.float32)
        for ring, history in zip(self.layers(rings, count), histories, strict=True):
            if len(ring):
                past = history.detach().cpu().numpy()
                ring[:, :, : self.channels] = np.roll(past, time % len(ring), 0)
        return rings

    def histories(self, rings: Floats, time: int, count: int) -> tuple[Tensor, ...]:
        """Return the histories that lie in rings."""
        layers = self.layers(rings, count)
        turned = (np.roll(ring, -(time % max(1, len(ring))), 0) for ring in layers)
        return tuple(torch.from_numpy(ring[:, :, : self.channels].copy()) for ring in turned)

    def layers(self, rings: Floats, count: int) -> list[Floats]:
        """Return a view of each layer's ring, (memory, count, wide)."""
        views, end = [], 0
        for memory in self.memories:
            begin, end = end, end + memory * count * self.wide
            views.append(rings[begin:end].reshape(memory, count, self.wide))
        return views

    def pick(self, rings: Floats, count: int, rows: Sequence[int]) -> Floats:
        """Return the rings of some streams."""
        parts = [ring[:, rows].ravel() for ring in self.layers(rings, count)]
        return np.concatenate(parts) if parts else rings


@dataclass(frozen=True)
class Geometry:
    """Sizes of a network's state.

    Attributes:
        model: Digest of the model that states belong to.
        symbols: Type of its symbols.
        levels: How many there are; 0 for amplitudes.
        label: Channels of the label; 0 where there is none.
        local: Channels of the local condition; 0 where there is none.
        taps: Of the first convolution.
        recent: Symbols that are kept.
        rings: Of the stack.
        pool: Samples of a frame of the context network; 1 where there is none.
        words: Channels of its words, without and with padding; 0 where there is none.
        context_rings: Of its stack; empty where there is none.
    """

    model: str
    symbols: torch.dtype
    levels: int
    label: int
    local: int
    taps: int
    recent: int
    rings: Rings
    pool: int
    words: tuple[int, int]
    context_rings: Rings

    def enter(self, previous: Tensor, state: GatedState) -> GatedEngineState:
        """Make an engine's state of a model's."""
        count, time, context = len(previous), state.time, state.context
        known = (state.symbols if context is None else context.waiting).cpu().numpy()
        recent = np.zeros((self.recent, count), np.float32)
        kept = np.arange(time - known.shape[1], time) % self.recent
        recent[kept] = known.T
        now = np.zeros((count, self.words[1]), np.float32)
        if context is not None:
            now[:, : self.words[0]] = context.now.detach().cpu().numpy()
        past = () if context is None else context.histories
        return GatedEngineState(
            previous.cpu(),
            geometry=self,
            time=time,
            recent=recent,
            rings=self.rings.of(state.histories, time, count),
            context_rings=self.context_rings.of(past, time // self.pool, count),
            now=now,
            label=None if state.label is None else state.label.cpu().float().contiguous(),
            frames=None if state.frames is None else state.frames.cpu().float(),
            told_from=state.told_from,
        )


@dataclass(frozen=True)
class GatedEngineState(ToldState):
    """What a gated network has read. Arrays are those of `Job`.

    Attributes:
        recent: The last of them, (recent, count).
        rings: Past inputs of the layers.
        context_rings: Those of the context network.
        now: Its words, (count, channels).
        label: Vectors of the classes, (count, channels), or None.
    """

    carried = ("recent", "rings", "context_rings", "now")
    geometry: Geometry = field(kw_only=True)
    recent: Floats = field(kw_only=True)
    rings: Floats = field(kw_only=True)
    context_rings: Floats = field(kw_only=True)
    now: Floats = field(kw_only=True)
    label: Tensor | None = field(kw_only=True)

    def pick(self, rows: Sequence[int]) -> GatedEngineState:
        """See `EngineState.pick`."""
        index, own = list(rows), self.geometry
        return replace(
            self,
            previous=self.previous[index],
            memory=None if self.memory is None else self.memory[index],
            recent=np.ascontiguousarray(self.recent[:, index]),
            rings=own.rings.pick(self.rings, self.count, index),
            context_rings=own.context_rings.pick(self.context_rings, self.count, index),
            now=self.now[index],
            label=None if self.label is None else self.label[index],
            frames=None if self.frames is None else self.frames[index],
        )

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        return Saved(self.previous, self._inner(), self.memory)

    def _inner(self) -> GatedState:
        """Return what the model has read."""
        own, count = self.geometry, self.count
        phase = self.time % own.pool
        known = self._last(own.taps - 1)
        context = None
        if own.words[0]:
            past = own.context_rings.histories(self.context_rings, self.time // own.pool, count)
            now = torch.from_numpy(self.now[:, : own.words[0]].copy())
            context = ContextState(self._last(own.taps - 1 + phase), now, past)
        histories = own.rings.histories(self.rings, self.time, count)
        told = self.label, self.frames, context, self.told_from
        return GatedState(self.time, known, histories, *told)

    def _last(self, length: int) -> Tensor:
        """Return the symbols read last, (count, length)."""
        kept = np.arange(self.time - length, self.time) % self.geometry.recent
        return torch.from_numpy(self.recent[kept].T.copy()).to(self.geometry.symbols)
