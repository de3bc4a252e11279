"""Whether a state that was read from a file fits a network: kernels do not look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.errors import RunError


class Fit(NamedTuple):
    """What a tensor must be.

    Attributes:
        shape: Sizes; None where any will do.
        dtype: Type.
        levels: Its levels or classes are from 0 to less than this; 0 where any will do.
    """

    shape: tuple[int | None, ...]
    dtype: torch.dtype = torch.float32
    levels: int = 0

    def refusal(self, tensor: Tensor) -> str:
        """Say what is wrong with a tensor; nothing if it fits."""
        shape = tuple(tensor.shape)
        wanted = [a if b is None else b for a, b in zip(shape, self.shape, strict=False)]
        if len(shape) != len(self.shape) or shape != tuple(wanted):
            return f"has shape {shape} and not {self.shape}"
        if tensor.dtype != self.dtype:
            return f"is of {tensor.dtype} and not of {self.dtype}"
        if self.levels and not bool(((tensor >= 0) & (tensor < self.levels)).all()):
            return f"holds what is not from 0 to {self.levels - 1}"
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return "holds what is not a number"
        return ""


def check_read(time: int, what: str) -> None:
    """Refuse a state that has read fewer symbols than none.

    Raises:
        RunError: It has; `what` is what it is called.
    """
    if time < 0:
        raise RunError(f"{what} does not fit this model: it has read {time} symbols")


def check_all(found: Mapping[str, Tensor | None], wanted: Mapping[str, Fit], what: str) -> None:
    """Refuse a state whose tensors are not what they must be.

    Args:
        found: Its tensors by name, or None for one that is not there.
        wanted: What they must be.
        what: Name of the state in the error.

    Raises:
        RunError: A tensor is missing, or one too many, or another than it must be.
    """
    there = {name: tensor for name, tensor in found.items() if tensor is not None}
    for name in sorted(there.keys() ^ wanted.keys()):
        wrong = "is missing" if name in wanted else "is too much"
        raise RunError(f"{what} does not fit this model: its {name} {wrong}")
    for name, tensor in there.items():
        if refusal := wanted[name].refusal(tensor):
            raise RunError(f"{what} does not fit this model: its {name} {refusal}")
