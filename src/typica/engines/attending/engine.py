"""An engine for every model of sparse attention over a table: several streams, compiled."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import RunError
from typica.core.model import AutoregressiveModel, State
from typica.engines import job as jobs
from typica.engines.attending.job import Job
from typica.engines.attending.state import AttendingEngineState, Geometry
from typica.engines.fit import check_all
from typica.engines.job import Floats, Kernel
from typica.engines.told import ToldEngine
from typica.layers.attending_network import AttendingNetwork, AttendingState
from typica.layers.upsampling import Upsampling


class AttendingEngine(ToldEngine):
    """Draws from a model by a kernel; its states lie on the CPU.

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
        network: AttendingNetwork,
        kernel: Kernel,
        digest: str,
        threads: int,
    ) -> None:
        columns = network.blocks[0].attention.columns.cpu().numpy()
        local = network.upsampling.channels if network.upsampling else 0
        geometry = Geometry(digest, kernel.shapes, columns, "label" in model.needs, local)
        super().__init__(model, network, kernel, geometry, threads)
        self.network: AttendingNetwork = network

    @property
    def upsampling(self) -> Upsampling | None:
        """See `ToldEngine.upsampling`."""
        return self.network.upsampling

    def check_fit(self, previous: Tensor, inner: State, where: str) -> None:
        """See `CompiledEngine.check_fit`."""
        state, most = cast(AttendingState, inner), self.kernel.shapes["POSITIONS"]
        if not state.held <= min(state.read, most):
            held = f"{state.held} of {state.read} symbols in a table of {most}"
            raise RunError(f"{where} does not fit this model: it holds {held}")
        check_all(_tensors(previous, state), self.geometry.fits(state, len(previous)), where)

    def told(self, state: AttendingEngineState, length: int) -> dict[str, Any]:
        """See `CompiledEngine.told`."""
        told: dict[str, Any] = {}
        if state.label is not None:
            told["label"] = self._padded(state.label)
        frames, linear = self.frames(state, length), self.network.told
        if frames is not None and linear is not None:
            with torch.no_grad():
                told["local"] = self._padded(frames @ linear.weight + linear.bias)
        return told

    def run(self, job: jobs.Job) -> None:
        """See `CompiledEngine.run`: as much as a table takes, and on in the next."""
        assert isinstance(job, Job)
        done = 0
        while done < job.length:
            if job.held == self.kernel.shapes["POSITIONS"]:
                super().run(job.part(done, done))  # reads what was not read along
                job.followed = self.geometry.followed(job.held)
                job.tables, job.held, job.followed = job.tables.turned(), job.followed, 0
            length = min(job.length - done, self.kernel.shapes["POSITIONS"] - job.held)
            super().run(job.part(done, done + length))
            done, job.held = done + length, job.held + length
            job.followed = self.geometry.followed(job.held)
        job.tables.give_back(job.held)

    def _padded(self, values: Tensor) -> Floats:
        """Return vectors (..., width) as the kernel reads them, (..., width*)."""
        padding = (0, self.kernel.shapes["WIDE"] - values.shape[-1])
        return np.ascontiguousarray(F.pad(values, padding).detach().cpu().float().numpy())


def _tensors(previous: Tensor, state: AttendingState) -> dict[str, Tensor | None]:
    """List a state's tensors by name."""
    own = {"last draw": previous, "rows": state.rows, "tail": state.tail}
    caches = {
        f"{name} of layer {layer}": tensor
        for layer, cache in enumerate(state.caches)
        for name, tensor in cache._asdict().items()
    }
    return {**own, **caches, "label": state.label, "local condition": state.frames}
