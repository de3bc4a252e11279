"""Where samples really are: typical sets, and the tests and detectors that stand on them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Scikit-learn takes seconds to import: a name is looked up when it is first asked for.
_HOME = {
    "CategoricalTypicality": "coin",
    "CoinTypicality": "coin",
    "GaussianTypicality": "gaussian",
    "Mirage": "mirage",
    "TypicalSet": "typical_set",
    "sphere_log_area": "sphere",
    "BatchTypicalityTest": "detectors.batch",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
