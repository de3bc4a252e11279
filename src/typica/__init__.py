"""Generative models of music in the waveform domain, and the tools of typicality.

import typica

run = typica.load("runs/chorales")
audio = run.sample(seconds=10)      # (count, channels, time), in [-1, 1]
nats = run.log_prob(audio)          # (count,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typica.actions.load import load
    from typica.core.run import Run

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "load"]

# Torch takes seconds to import: a name is looked up when it is first asked for.
_HOME = {"Run": "typica.core.run", "load": "typica.actions.load"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'typica' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
