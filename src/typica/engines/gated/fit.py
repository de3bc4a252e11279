"""Whether a state fits a gated network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from typica.engines.fit import Fit, check_all, check_read
from typica.engines.gated.state import Geometry, Rings
from typica.layers.gated_network import GatedState


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
    check_read(state.time, what)
    wanted = _wanted(geometry, len(previous), state.time)
    check_all(_tensors(previous, state), wanted, what)


def _tensors(previous: Tensor, state: GatedState) -> dict[str, Tensor | None]:
    """List a state's tensors by name."""
    context = state.context
    own: dict[str, Tensor | None] = {"last draw": previous, "symbols": state.symbols}
    own |= {"label": state.label, "local condition": state.frames}
    own |= {f"past of layer {i}": past for i, past in enumerate(state.histories)}
    if context is not None:
        own |= {"frame": context.waiting, "words": context.now}
        own |= {f"past of context layer {i}": past for i, past in enumerate(context.histories)}
    return own


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
