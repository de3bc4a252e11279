"""What this machine has, and what is missing for which feature."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata

# What each optional feature needs, by the extra that brings it.
FEATURES = {
    "scores": ("the corpus of chorales", ("music21", "pretty_midi", "midirenderer")),
    "plot": ("figures and reports", ("matplotlib",)),
    "track": ("TensorBoard logs", ("tensorboard",)),
    "media": ("m4a, mp4 and other containers", ("av",)),
}
CORE = ("torch", "numpy", "scipy", "accelerate", "safetensors", "soundfile", "soxr", "omegaconf")


@dataclass(frozen=True)
class Feature:
    """An optional feature.

    Attributes:
        extra: Name of the extra that brings it.
        what: What it is for.
        missing: Packages that are not installed.
    """

    extra: str
    what: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Environment:
    """What this machine has.

    Attributes:
        versions: Of typica, Python and the packages, by name.
        machine: Processor and system.
        devices: Devices that torch can compute on, best first.
        cores: Processor cores that this process may use.
        memory_gb: Of the machine, in 10^9 bytes, or None where it cannot be told.
        features: The optional ones.
    """

    versions: dict[str, str]
    machine: str
    devices: list[str]
    cores: int
    memory_gb: float | None
    features: list[Feature]


def env() -> Environment:
    """Look at this machine."""
    import typica

    optional = [package for _, packages in FEATURES.values() for package in packages]
    found = {package: version(package) for package in (*CORE, *optional)}
    versions = {"typica": typica.__version__, "python": platform.python_version()}
    return Environment(
        versions=versions | {name: text for name, text in found.items() if text},
        machine=f"{platform.machine()}, {platform.system()} {platform.release()}",
        devices=_devices(),
        cores=_cores(),
        memory_gb=_memory_gb(),
        features=[
            Feature(extra, what, tuple(name for name in packages if not found[name]))
            for extra, (what, packages) in FEATURES.items()
        ],
    )


def version(package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    import torch

    from typica.core.device import available_devices

    names = {"cuda": torch.cuda.get_device_name} if torch.cuda.is_available() else {}
    return [f"{kind} ({names[kind]()})" if kind in names else kind for kind in available_devices()]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
