"""An engine for every model of recurrent tiers above a perceptron: several streams, compiled."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from typica.core.condition import Track
from typica.core.errors import RunError
from typica.core.model import AutoregressiveModel, State
from typica.engines.compiled import CompiledEngine
from typica.engines.job import Kernel
from typica.engines.recurrent.job import Job
from typica.engines.recurrent.state import Geometry, RecurrentEngineState
from typica.layers.recurrent_network import RecurrentNetwork


class RecurrentEngine(CompiledEngine):
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
        network: RecurrentNetwork,
        kernel: Kernel,
        digest: str,
        threads: int,
    ) -> None:
        tiers, wide = network.tiers, kernel.shapes["WIDTH"]
        width = tiers[0].input.weight.shape[1]
        ratios = tuple(kernel.shapes["RATIO"])
        geometry = Geometry(
            digest, width, wide, len(tiers[0].layers), ratios, kernel.shapes["RECENT"]
        )
        super().__init__(model, network, kernel, geometry, threads)
        vectors = [tier.label for tier in tiers if tier.label is not None]
        self._labels = torch.stack(vectors, 1).detach().cpu().float() if vectors else None

    def told(self, state: RecurrentEngineState, length: int) -> dict[str, Any]:
        """See `CompiledEngine.told`."""
        if state.label is None or self._labels is None:
            return {}
        padding = (0, self.geometry.wide - self.geometry.width)
        vectors = torch.nn.functional.pad(self._labels[state.label], padding)
        return {"label": vectors.contiguous().numpy()}

    def check_fit(self, previous: Tensor, inner: State, where: str) -> None:
        """See `CompiledEngine.check_fit`."""
        count, needs = len(previous), self.model.needs
        told = {name: Track(torch.zeros(count, dtype=torch.int64)) for name in needs}
        with torch.no_grad():
            example = self.model.start(count, told)
        wanted = _tensors((torch.zeros(count, dtype=torch.int64), example))
        found = _tensors((previous, inner))
        time = getattr(inner, "time", -1)
        if time < 0 or len(found) != len(wanted):
            raise RunError(f"{where} does not fit this model: it holds other parts")
        # Levels come in front and label behind; what lies between are numbers.
        classes = [self.network.levels] * 2 + [needs[name].channels for name in needs]
        for one, other in zip(found, wanted, strict=True):
            if one.shape != other.shape or one.dtype != other.dtype:
                raise RunError(
                    f"{where} does not fit this model: a part of it is {tuple(one.shape)} of "
                    f"{one.dtype} and not {tuple(other.shape)} of {other.dtype}"
                )
            most = 0 if one.is_floating_point() else classes.pop(0)
            if most and not bool(((one >= 0) & (one < most)).all()):
                raise RunError(f"{where} does not fit this model: it holds no classes below {most}")
            if not bool(one.isfinite().all()):
                raise RunError(f"{where} does not fit this model: it holds what is not a number")


def _tensors(state: State) -> list[Tensor]:
    """List the tensors of a tree, in their order."""
    if isinstance(state, Tensor):
        return [state]
    return [one for part in state for one in _tensors(part)] if isinstance(state, tuple) else []
