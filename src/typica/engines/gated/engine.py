"""An engine for every model around a gated stack: several streams, in compiled code."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.engine import EngineState, begin
from typica.core.engine_state import Saved
from typica.core.model import AutoregressiveModel
from typica.core.session import Session, SessionEngine, StateSession
from typica.core.telling import TellingEngine, check_told
from typica.engines.compiled import CompiledEngine, CompiledState
from typica.engines.gated.fit import check_fit
from typica.engines.gated.job import Job
from typica.engines.gated.session import GatedBeamSession, GatedSession
from typica.engines.gated.state import GatedEngineState, Geometry, Rings
from typica.engines.job import Kernel
from typica.layers.gated import GatedLayer, GatedStack
from typica.layers.gated_network import GatedNetwork, GatedState


class GatedEngine(CompiledEngine, SessionEngine, TellingEngine):
    """Draws from a model by a kernel; its states lie on the CPU, whatever computes.

    Args:
        model: Whose prompts and conditions are read by itself, all at once.
        network: The model's.
        kernel: Compiled of the network.
        digest: Of the model's weights and settings.
        threads: Processors that streams are spread over.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        network: GatedNetwork,
        kernel: Kernel,
        digest: str,
        threads: int,
    ) -> None:
        super().__init__(model, network, kernel, threads)
        self.network: GatedNetwork = network
        self.geometry = _geometry(network, kernel.shapes, digest)

    def start(
        self, count: int, *, condition: Condition | None = None, prompt: Tensor | None = None
    ) -> GatedEngineState:
        """See `Engine.start`."""
        with torch.no_grad():
            previous, state = begin(self.model, count, condition, prompt)
        return self.geometry.enter(previous, cast(GatedState, state))

    def session(self, state: EngineState) -> Session:
        """See `SessionEngine.session`; kernels that cannot search go on by values."""
        assert isinstance(state, GatedEngineState)
        if not self.kernel.searches:
            return StateSession(self, state)
        if self.network.output == "categorical":
            return GatedBeamSession(self, state)
        return GatedSession(self, state)

    def tell(self, state: EngineState, told: Condition, past: int = 0) -> GatedEngineState:
        """See `TellingEngine.tell`."""
        assert isinstance(state, GatedEngineState)
        check_told(told, self.model.needs, state.count)
        (frames,) = (track.values.cpu().float() for track in told.values())
        return replace(state, frames=frames, told_from=state.time - past)

    @property
    def digest(self) -> str:
        """See `Engine.digest`."""
        return self.geometry.model

    def enter(self, saved: Saved, where: str) -> GatedEngineState:
        """See `Engine.enter`."""
        check_fit(saved.previous, saved.inner, self.geometry, where)
        return replace(self.geometry.enter(saved.previous, saved.inner), memory=saved.memory)

    def job(self, state: CompiledState, length: int, temperature: float) -> Job:
        """See `CompiledEngine.job`."""
        assert isinstance(state, GatedEngineState)
        job = Job(
            time=state.time,
            temperature=temperature,
            recent=state.recent,
            rings=state.rings,
            context_rings=state.context_rings,
            now=state.now,
            previous=state.previous.numpy().astype(np.float32),
            symbols=np.empty((length, state.count), np.float32),
        )
        if state.label is not None:
            job.label = state.label.detach().numpy()
        if self.network.upsampling is not None and state.frames is not None:
            frames = state.frames.to(self.network.reading.weight.device)
            with torch.no_grad():
                local = self.network.upsampling(frames, state.time - state.told_from, length)
            job.local = np.ascontiguousarray(local.cpu().numpy(), np.float32)
        return job


def _geometry(network: GatedNetwork, shapes: dict, digest: str) -> Geometry:
    context = network.context
    words = (context.stack.width, shapes["CONTEXT"]) if context else (0, 0)
    return Geometry(
        digest,
        torch.int64 if network.levels else torch.float32,
        network.levels,
        shapes["LABEL"],
        shapes["LOCAL"],
        shapes["TAPS"],
        shapes["RECENT"],
        _rings(network.stack, shapes["Main"]["CHANNELS"]),
        shapes["POOL"],
        words,
        _rings(context.stack, shapes["Context"]["CHANNELS"]) if context else Rings((), 0, 0),
    )


def _rings(stack: GatedStack, wide: int) -> Rings:
    channels = cast(GatedLayer, stack.layers[0]).taps.shape[1]
    return Rings(tuple(stack.memories), channels, wide)
