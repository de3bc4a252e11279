"""Choosing where to compute."""

from __future__ import annotations

import torch

from typica.core.errors import ConfigError


def pick_device(name: str = "auto") -> torch.device:
    """Return a device by name; "auto" takes CUDA, then Apple's GPU, then the CPU.

    Raises:
        ConfigError: The device is not on this machine.
    """
    there = available_devices()
    if name == "auto":
        return torch.device(there[0])
    kind = name.partition(":")[0]
    if kind not in there:
        raise ConfigError(f"there is no device {name!r} on this machine: it has {', '.join(there)}")
    return torch.device(name)


def available_devices() -> list[str]:
    """List the kinds of device on this machine, best first."""
    found = ["cuda"] if torch.cuda.is_available() else []
    found += ["mps"] if torch.backends.mps.is_available() else []
    return [*found, "cpu"]


def wide_on(device: torch.device) -> torch.dtype:
    """Return the widest float that a device has, as for long sums: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64
