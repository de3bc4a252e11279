"""Whether a state that was read from a file fits a network: kernels do not look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.errors import RunError
from typica.engines.gated.state import Geometry, Rings
from typica.layers.gated_network import GatedState


class Fit(NamedTuple):
    """What a tensor must be.

    Attributes:
        shape: Sizes; None where any will do.
        dtype: Type.
        levels: Its values are from 0 to less than this; 0 where any will do.
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
            return f"holds what is no level from 0 to {self.levels - 1}"
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return "holds what is not a number"
        return ""


def check_fit(previous: Tensor, state: GatedState, geometry: Geometry, what: str) -> None:
    """Refuse a state that is not of a network's sizes.

    Args:
        previous: Symbols that were drawn last.
        state: Of the model.
        geometry: Of the network.
        what: Name of the state in the error.

    Raises:
        RunError: A tensor is missing, or one too many, or another than it must be.
    """
    if state.time < 0:
        raise RunError(f"{what} does not fit this model: it has read {state.time} symbols")
    found = _tensors(previous, state)
    wanted = _wanted(geometry, len(previous), state.time)
    for name in found.keys() ^ wanted.keys():
        wrong = "is missing" if name in wanted else "is too much"
        raise RunError(f"{what} does not fit this model: its {name} {wrong}")
    for name, tensor in found.items():
        if refusal := wanted[name].refusal(tensor):
            raise RunError(f"{what} does not fit this model: its {name} {refusal}")


def _tensors(previous: Tensor, state: GatedState) -> dict[str, Tensor]:
    """List a state's tensors by name."""
    context = state.context
    own: dict[str, Tensor | None] = {"last draw": previous, "symbols": state.symbols}
    own |= {"label": state.label, "local condition": state.frames}
    own |= {f"past of layer {i}": past for i, past in enumerate(state.histories)}
    if context is not None:
        own |= {"frame": context.waiting, "words": context.now}
        own |= {f"past of context layer {i}": past for i, past in enumerate(context.histories)}
    return {name: tensor for name, tensor in own.items() if tensor is not None}


def _wanted(own: Geometry, count: int, time: int) -> dict[str, Fit]:
    """List what they must be."""
    known = own.taps - 1
    wanted = {"last draw": Fit((count,), own.symbols, own.levels)}
    wanted["symbols"] = Fit((count, known), own.symbols, own.levels)
    if own.label:
        wanted["label"] = Fit((count, own.label))
    if own.local:
        wanted["local condition"] = Fit((count, own.local, None))
    wanted |= _pasts("layer", own.rings, count)
    if own.words[0]:
        wanted["frame"] = Fit((count, known + time % own.pool), own.symbols, own.levels)
        wanted["words"] = Fit((count, own.words[0]))
        wanted |= _pasts("context layer", own.context_rings, count)
    return wanted


def _pasts(kind: str, rings: Rings, count: int) -> dict[str, Fit]:
    rows: Sequence[int] = rings.memories
    return {
        f"past of {kind} {i}": Fit((memory, count, rings.channels)) for i, memory in enumerate(rows)
    }
