"""An engine for every model around a gated stack: several streams, in compiled code."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from typica.core.engine import EngineState
from typica.core.model import AutoregressiveModel, State
from typica.core.session import Session, SessionEngine, StateSession
from typica.engines.gated.fit import check_fit
from typica.engines.gated.job import Job
from typica.engines.gated.session import GatedBeamSession, GatedSession
from typica.engines.gated.state import GatedEngineState, Geometry, Rings
from typica.engines.job import Kernel
from typica.engines.told import ToldEngine
from typica.layers.gated import GatedLayer, GatedStack
from typica.layers.gated_network import GatedNetwork, GatedState
from typica.layers.upsampling import Upsampling


class GatedEngine(ToldEngine, SessionEngine):
    """Draws from a model by a kernel; its states lie on the CPU, whatever computes.

    Args:
        model: Whose prompts and conditions are read by itself, all at once.
        network: The model's.
        kernel: Compiled of the network.
        digest: Of the model's weights and settings.
        threads: Processors that streams are spread over.
    """

    job_type = Job
    geometry: Geometry

    def __init__(
        self,
        model: AutoregressiveModel,
        network: GatedNetwork,
        kernel: Kernel,
        digest: str,
        threads: int,
    ) -> None:
        geometry = _geometry(network, kernel.shapes, digest)
        super().__init__(model, network, kernel, geometry, threads)
        self.network: GatedNetwork = network

    def session(self, state: EngineState) -> Session:
        """See `SessionEngine.session`; kernels that cannot search go on by values."""
        assert isinstance(state, GatedEngineState)
        if not self.kernel.searches:
            return StateSession(self, state)
        if self.network.output == "categorical":
            return GatedBeamSession(self, state)
        return GatedSession(self, state)

    @property
    def upsampling(self) -> Upsampling | None:
        """See `ToldEngine.upsampling`."""
        return self.network.upsampling

    def check_fit(self, previous: Tensor, inner: State, where: str) -> None:
        """See `CompiledEngine.check_fit`."""
        check_fit(previous, cast(GatedState, inner), self.geometry, where)

    def told(self, state: GatedEngineState, length: int) -> dict[str, Any]:
        """See `CompiledEngine.told`."""
        told: dict[str, Any] = (
            {} if state.label is None else {"label": state.label.detach().numpy()}
        )
        local = self.frames(state, length)
        if local is not None:
            told["local"] = np.ascontiguousarray(local.cpu().numpy(), np.float32)
        return told


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
