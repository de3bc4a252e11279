"""Streams of a gated network that go on in place, and beams that are searched in compiled code.

Hypotheses leave and split at almost every step, and the past of one is half a megabyte: it stays
where it is. Which stream's past was whose is kept beside it, time by time, and looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from typica.core.session import BeamSession, BeamSteps, Session
from typica.engines.gated.job import Job
from typica.engines.gated.state import GatedEngineState, Geometry, Rings
from typica.engines.job import Floats, check_numbers

if TYPE_CHECKING:
    from typica.engines.gated.engine import GatedEngine

Places = NDArray[np.int32]


@dataclass
class Ancestors:
    """Streams that were each stream's past; see `Job.ancestors`.

    Attributes:
        main: At each symbol, (ancestry, count).
        context: At each frame of the context network, (ancestry, count).
    """

    main: Places
    context: Places

    @classmethod
    def none(cls, geometry: Geometry, count: int) -> Ancestors:
        """Return those of streams that have always been themselves."""
        longest = max(geometry.recent, *geometry.rings.memories)
        frames = max(0, *geometry.context_rings.memories, 0)
        own = np.arange(count, dtype=np.int32)
        # One more: the present is entered while the oldest is still looked up.
        return cls(*(np.tile(own, (size + 1, 1)) for size in (longest, frames)))

    def move(self, parents: Sequence[int]) -> None:
        """Let each stream go on from the past of another."""
        self.main, self.context = (
            np.ascontiguousarray(ring[:, parents]) for ring in (self.main, self.context)
        )

    def settle(self, state: GatedEngineState) -> GatedEngineState:
        """Return a state whose streams have their own pasts, laid out anew."""
        own, count, frame = state.geometry, state.count, state.time // state.geometry.pool
        kept = _slots(own.recent, state.time, len(self.main))
        recent = np.take_along_axis(state.recent, self.main[kept], 1)
        return replace(
            state,
            recent=recent,
            rings=_gathered(own.rings, state.rings, self.main, state.time, count),
            context_rings=_gathered(
                own.context_rings, state.context_rings, self.context, frame, count
            ),
        )


def _slots(memory: int, time: int, ancestry: int) -> NDArray[np.int64]:
    """Return, for each row of a ring that was last written before `time`, its row of ancestors."""
    last = time - 1
    return (last - (last - np.arange(memory)) % memory) % ancestry


def _gathered(rings: Rings, flat: Floats, ancestors: Places, time: int, count: int) -> Floats:
    parts = []
    for ring in rings.layers(flat, count):
        if len(ring):
            places = ancestors[_slots(len(ring), time, len(ancestors))]
            ring = np.take_along_axis(ring, places[:, :, None], 1)
        parts.append(ring.ravel())
    return np.concatenate(parts) if parts else flat


class GatedSession(Session):
    """A session on arrays of its own."""

    def __init__(self, engine: GatedEngine, state: GatedEngineState) -> None:
        self._engine = engine
        self._begin(state.copy())

    def _begin(self, state: GatedEngineState) -> None:
        self._state = state
        self._ancestors = Ancestors.none(state.geometry, state.count)

    def step(self) -> Distribution:
        """See `Session.step`."""
        job = self._job(1)
        shape = (1, self._state.count, self._engine.kernel.shapes["OUTPUTS"])
        job.forced, job.outputs = np.zeros(shape[:2], np.float32), np.empty(shape, np.float32)
        # On one thread: a stream's past may lie anywhere.
        self._engine.kernel.run(job, 0, self._state.count)
        check_numbers(job.outputs)
        self._state = replace(self._state, time=self._state.time + 1)
        return self._engine.distribution(job)

    def choose(self, parents: Tensor, symbols: Tensor) -> None:
        """See `Session.choose`."""
        rows = parents.tolist()
        if len(rows) != self._state.count:
            self._begin(self.state().pick(rows))
        elif rows != list(range(len(rows))):
            self._ancestors.move(rows)
            memory = self._state.memory
            self._state = replace(
                self._state,
                now=self._state.now[rows],
                memory=None if memory is None else memory[rows],
            )
        self._state = replace(self._state, previous=symbols.to(self._state.previous))

    def state(self) -> GatedEngineState:
        """See `Session.state`."""
        return self._ancestors.settle(self._state)

    def _job(self, length: int) -> Job:
        job = self._engine.job(self._state, length, 0.0)
        job.ancestors, job.context_ancestors = self._ancestors.main, self._ancestors.context
        return job


class GatedBeamSession(GatedSession, BeamSession):
    """A session of levels: whole stretches of a beam search run in the kernel."""

    def search(self, scores: Tensor, length: int, *, spread: bool = False) -> BeamSteps:
        """See `BeamSession.search`."""
        job, shape = self._job(length), (length, self._state.count)
        job.width, job.scores = scores.shape[1], scores.cpu().double().flatten().numpy().copy()
        job.parents = np.empty(shape, np.int32)
        if spread:
            job.entropy, job.varentropy = (np.empty(shape, np.float32) for _ in "hv")
        self._engine.run(job)
        check_numbers(job.scores[:: job.width])
        previous = torch.from_numpy(job.previous).to(self._state.previous)
        self._state = replace(self._state, previous=previous, time=job.time + length)
        columns = (job.parents, job.symbols.astype(np.int32), job.entropy, job.varentropy)
        device = self._engine.device
        parents, symbols, *both = (
            None if column is None else torch.from_numpy(column).to(device) for column in columns
        )
        assert parents is not None
        assert symbols is not None
        after = torch.from_numpy(job.scores).view(scores.shape).to(scores)
        return BeamSteps(parents, symbols, after, *both)
