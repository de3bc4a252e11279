"""Adam, as one phase needs it: a rate that is given at each step, a state of plain tensors.

The arithmetic is torch's own. Its optimiser classes are left aside because the first step of
one imports torch's compiler, which takes longer (4.4 s of CPU time) than importing torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from typica.core.errors import RunError
from typica.training.settings import PhaseConfig

NAMES = ("steps", "mean", "square")


class Adam:
    """Moves a phase's parameters against their gradients.

    Source: Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980; the decay apart from the
    gradient from Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101.

    Attributes:
        state: Of each parameter that has had a gradient, by its number: how many steps it
            has taken, the running means of its gradient and of the gradient's square.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], config: PhaseConfig) -> None:
        self.parameters, self.config = list(parameters), config
        self.state: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self._fused = all(p.device.type in ("cpu", "cuda") for p in self.parameters)

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter that has a gradient, at a learning rate."""
        moved = {n: p for n, p in enumerate(self.parameters) if p.grad is not None}
        for number in moved.keys() - self.state.keys():
            self.state[number] = self._blank(moved[number])
        states = [self.state[number] for number in moved]
        move = {"adam": adam, "adamw": adamw}[self.config.optimiser]
        move(
            list(moved.values()),
            [p.grad for p in moved.values() if p.grad is not None],
            [mean for _, mean, _ in states],
            [square for _, _, square in states],
            [],
            [steps for steps, _, _ in states],
            fused=self._fused,
            foreach=not self._fused,
            amsgrad=False,
            beta1=self.config.betas[0],
            beta2=self.config.betas[1],
            lr=rate,
            weight_decay=self.config.weight_decay,
            eps=self.config.epsilon,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the state by names such as "3/mean", ready for a file."""
        return {
            f"{number}/{name}": value.contiguous()
            for number, values in self.state.items()
            for name, value in zip(NAMES, values, strict=True)
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a state that `tensors` gave.

        Raises:
            RunError: It belongs to other parameters.
        """
        numbers = sorted({int(key.partition("/")[0]) for key in tensors})
        self.state = {}
        for number in numbers:
            blank = self._blank(self.parameters[number])
            values = tuple(tensors[f"{number}/{name}"] for name in NAMES)
            if any(one.shape != other.shape for one, other in zip(values, blank, strict=True)):
                raise RunError("the optimiser's state belongs to another model")
            steps, mean, square = (v.to(b) for v, b in zip(values, blank, strict=True))
            self.state[number] = steps, mean, square

    def _blank(self, parameter: nn.Parameter) -> tuple[Tensor, Tensor, Tensor]:
        place = parameter.device if self._fused else "cpu"
        steps = torch.zeros((), dtype=torch.float32, device=place)
        return steps, torch.zeros_like(parameter), torch.zeros_like(parameter)
