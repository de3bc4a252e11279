"""The running average of the weights, from which samples are drawn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import _foreach_copy_ as copy_all
from torch import _foreach_lerp_ as move_all
from torch.optim.swa_utils import AveragedModel

from typica.core.model import Model

Tensors = tuple[Tensor, ...] | list[Tensor]


class Average:
    """Exponential moving average of a model's weights and buffers.

    Early on the decay is (1 + n) / (10 + n) after n updates: a fixed one would hold on to the
    initial weights for most of a short run.

    Attributes:
        model: The averaged model, in evaluation mode.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.decay = decay
        self._updates = 0  # a Python number: reading torch's own would make a GPU wait
        self._averaged = AveragedModel(model, multi_avg_fn=self._move, use_buffers=True)
        self.model: Model = self._averaged.module.eval().requires_grad_(False)  # type: ignore[assignment]

    @property
    def updates(self) -> int:
        """How often the model has been averaged in."""
        return self._updates

    @updates.setter
    def updates(self, count: int) -> None:
        self._updates = count
        self._averaged.n_averaged.fill_(count)

    def update(self, model: Model) -> None:
        """Move the average towards the model as it now is."""
        self._averaged.update_parameters(model)
        self._updates += 1

    @torch.no_grad()
    def settle(self, model: Model) -> None:
        """Put a model's weights and buffers where their averages are, and begin anew from there."""
        own = model.state_dict()
        for name, value in self.model.state_dict().items():
            own[name].copy_(value)
        self.updates = 0

    def _move(self, averages: Tensors, values: Tensors, _: Tensor | int) -> None:
        decay = min(self.decay, (1 + self._updates) / (10 + self._updates))
        if averages[0].is_floating_point():
            move_all(averages, values, 1 - decay)
        else:
            copy_all(averages, values)
