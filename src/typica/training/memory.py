"""How much memory a step takes: what autograd keeps, what is free, what was really used."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor


class SavedTensors:
    """Counts the bytes that autograd keeps for the backward pass while the block runs.

    A tensor kept twice, or as a view, counts once; a model's own weights do not count.

    Attributes:
        peak: The most bytes that were kept at one time.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.peak = self._now = 0
        self._held: dict[int, int] = {}
        self._own = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda held: held.tensor)

    def __enter__(self) -> SavedTensors:
        self._hooks.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._hooks.__exit__(*reason)

    def _pack(self, tensor: Tensor) -> _Held:
        storage = tensor.untyped_storage()
        if storage.data_ptr() in self._own:
            return _Held(tensor, lambda: None)
        key, size = storage.data_ptr(), storage.nbytes()
        holders = self._held.get(key, 0)
        self._held[key] = holders + 1
        if not holders:
            self._now += size
            self.peak = max(self.peak, self._now)
        return _Held(tensor, lambda: self._release(key, size))

    def _release(self, key: int, size: int) -> None:
        self._held[key] -= 1
        if not self._held[key]:
            self._now -= size


class _Held:
    """A tensor that says when it is no longer kept."""

    def __init__(self, tensor: Tensor, release: Callable[[], None]) -> None:
        self.tensor, self._release = tensor, release

    def __del__(self) -> None:
        self._release()


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a device, or None where it does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    try:
        with open("/proc/meminfo") as lines:
            found = [line.split()[1] for line in lines if line.startswith("MemAvailable")]
    except OSError:
        return None
    return 1024 * int(found[0]) if found else None


class Growth:
    """Measures by how much the memory in use grew while the block ran, at its highest.

    Attributes:
        peak: In bytes; None where the device does not tell.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.peak: int | None = None
        self._before: int | None = None

    def __enter__(self) -> Growth:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        elif self.device.type == "cpu":
            self._before = _resident("VmRSS") if _forget_peak() else None
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            return
        if self.device.type == "cuda":
            self.peak = torch.cuda.max_memory_allocated(self.device) - self._before
        else:
            self.peak = max(0, _resident("VmHWM") - self._before)


def _forget_peak() -> bool:
    """Let Linux measure this process's highest memory anew; elsewhere there is no such thing."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0
