"""An engine for every model of recurrent tiers above a perceptron: several streams, compiled."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from typica.core.model import AutoregressiveModel, State
from typica.engines.compiled import CompiledEngine
from typica.engines.fit import check_all, check_read
from typica.engines.job import Kernel
from typica.engines.recurrent.job import Job
from typica.engines.recurrent.state import Geometry, RecurrentEngineState
from typica.layers.recurrent_network import RecurrentNetwork, RecurrentState


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
        tiers = network.tiers
        geometry = Geometry(
            model=digest,
            width=tiers[0].input.weight.shape[1],
            wide=kernel.shapes["WIDTH"],
            layers=len(tiers[0].layers),
            has_cell=network.cell == "lstm",
            ratios=tuple(kernel.shapes["RATIO"]),
            recent=kernel.shapes["RECENT"],
            levels=network.levels,
            labels=0 if tiers[0].label is None else len(tiers[0].label),
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
        state = cast(RecurrentState, inner)
        check_read(state.time, where)
        check_all(_tensors(previous, state), self.geometry.fits(len(previous)), where)


def _tensors(previous: Tensor, state: RecurrentState) -> dict[str, Tensor | None]:
    """List a state's tensors by name."""
    own = {"last draw": previous, "symbols": state.heard, "label": state.label}
    tiers = {
        f"{name} of tier {number}": tensor
        for number, tier in enumerate(state.tiers)
        for name, tensor in tier._asdict().items()
    }
    return {**own, **tiers}
