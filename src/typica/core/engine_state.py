"""States of engines in files: the model's own state, a tree of tensors, with what it belongs to.

The file holds nothing of what computed it, so that an engine of another kind goes on with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from typica.core.errors import RunError
from typica.core.files import replacing
from typica.core.model import State

KIND = "typica engine state, 3"


@runtime_checkable
class Pickable(Protocol):
    """A part of a state whose streams are not the first axis of each of its tensors."""

    def pick(self, rows: Sequence[int]) -> State:
        """Return the same of these streams."""


class Saved(NamedTuple):
    """What a file holds, on the CPU.

    Attributes:
        previous: Symbols (count,) that were drawn last and that the model has not read yet.
        inner: The model's state.
        memory: What a strategy remembers of each stream, (count, numbers), or None.
    """

    previous: Tensor
    inner: State
    memory: Tensor | None = None


def map_tensors(state: State, change: Callable[[Tensor], Tensor]) -> State:
    """Return a state with each of its tensors changed."""
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, tuple):
        return _like(state, [map_tensors(part, change) for part in state])
    return state


def pick_streams(state: State, rows: Sequence[int], count: int) -> State:
    """Return some of the `count` streams of a model's state, in the order that is asked for.

    Raises:
        RunError: A tensor of it does not have the streams in front.
    """
    if isinstance(state, Pickable):
        return state.pick(rows)
    if isinstance(state, tuple):
        return _like(state, [pick_streams(part, rows, count) for part in state])
    if not isinstance(state, Tensor):
        return state
    if state.shape[:1] != (count,):
        shape = tuple(state.shape)
        raise RunError(
            f"streams cannot be picked of a state with a tensor {shape}, whose first axis is not "
            f"the {count} streams: its named tuple needs a method `pick`"
        )
    return state[list(rows)]


def model_digest(model: nn.Module) -> str:
    """Return a hash of a model's weights and settings."""
    told = hashlib.blake2b(repr(getattr(model, "config", "")).encode(), digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        told.update(name.encode() + _bytes(tensor.detach().cpu()))
    return told.hexdigest()


def write_state(path: Path, saved: Saved, model: str) -> None:
    """Write a state to a file, whole or not at all.

    Args:
        path: Where to.
        saved: On any device.
        model: Digest of the model that it belongs to.

    Raises:
        RunError: It holds something else than tensors, numbers and None in tuples.
        DiskError: It cannot be written.
    """
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_describe(tuple(saved), tensors))
    about = {"kind": KIND, "model": model, "tree": tree, "sum": _sum(tree, tensors)}
    with replacing(path) as aside:
        save_file(tensors, str(aside), metadata=about)


def read_state(path: Path, model: str, types: Sequence[type]) -> Saved:
    """Read a state that was saved.

    Args:
        path: Of the file.
        model: Digest of the model that it must belong to.
        types: Named tuples that the model's states are made of.

    Raises:
        RunError: It is no engine's state, damaged, or of another model.
    """
    about, tensors = _read(path)
    if about.get("kind") != KIND:
        raise RunError(f"{path} holds no state of an engine of this version")
    if about.get("model") != model:
        raise RunError(f"{path} is the state of another model: go on with the run that saved it")
    tree = about.get("tree", "")
    if about.get("sum") != _sum(tree, tensors):
        raise RunError(f"{path} is damaged: it does not hold what was saved; save it again")
    return Saved(*_build(json.loads(tree), tensors, {kind.__name__: kind for kind in types}))


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return file.metadata() or {}, tensors
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} is not a state that can be read: {error}") from error


def _like(state: tuple, parts: Sequence[Any]) -> tuple:
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _describe(state: State, tensors: dict[str, Tensor]) -> Any:
    """Return a state as JSON has it; its tensors are put aside by their numbers."""
    if state is None or isinstance(state, bool | int | float):
        return state
    if isinstance(state, Tensor):
        name = str(len(tensors))
        # A copy: two may be views of one, which a file has no way to say.
        tensors[name] = state.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(state, tuple):
        named = type(state).__name__ if hasattr(state, "_fields") else None
        return {"tuple": named, "of": [_describe(part, tensors) for part in state]}
    raise RunError(f"a state that holds a {type(state).__name__} cannot be saved")


def _build(told: Any, tensors: Mapping[str, Tensor], types: Mapping[str, type]) -> State:
    """Return the state that `_describe` described."""
    if not isinstance(told, dict):
        return told
    if "tensor" in told:
        return tensors[told["tensor"]]
    parts = [_build(part, tensors, types) for part in told["of"]]
    return types[told["tuple"]](*parts) if told["tuple"] else tuple(parts)


def _sum(tree: str, tensors: Mapping[str, Tensor]) -> str:
    told = hashlib.blake2b(tree.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        told.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + _bytes(tensor))
    return told.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
