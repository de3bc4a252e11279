"""What held-out recordings sound like: that with which a stream's spectra are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from typica.typicality.monitor.ear import Frames
from typica.typicality.monitor.grid import BANDS, Grid
from typica.typicality.monitor.limits import finite

AUDIBLE_DB = 60.0  # below the loudest: what is softer is not heard beside it
SILENT_DB = 40.0  # below the usual level: a frame so soft is silent
LOWEST_DB = -90.0


@dataclass(frozen=True)
class Reference:
    """Spectra of held-out recordings.

    Attributes:
        mean_db: Mean mel spectrum, (bands,).
        floor_db: Softer bands are taken as loud as this.
        silence_db: Level under which a frame is silent.
        shape_db: By the ticks of a window: mean and spread over windows of the shape of their
            mean spectra, (2, bands).
        unlike: By the ticks of a window: how unlike itself a usual window is at each lag, (lags,).
    """

    mean_db: NDArray[np.float64]
    floor_db: float
    silence_db: float
    shape_db: Mapping[int, NDArray[np.float64]]
    unlike: Mapping[int, NDArray[np.float64]]

    @classmethod
    def of(cls, frames: Frames) -> Self:
        """Read the means off frames; shapes and loops follow from windows."""
        floor = float(np.quantile(frames.spectrum_db, 0.999)) - AUDIBLE_DB
        mean = np.maximum(frames.spectrum_db, floor).mean(0)
        silence = max(LOWEST_DB, float(np.median(frames.level_db)) - SILENT_DB)
        return cls(mean, floor, silence, {}, {})

    @classmethod
    def none(cls) -> Self:
        """Return what is assumed where nothing was heard."""
        return cls(np.zeros(BANDS), -100.0, -50.0, {}, {})

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("shape_db", "unlike"):
            plain[name] = {str(ticks): _rounded(one) for ticks, one in plain[name].items()}
        return plain | {"mean_db": _rounded(self.mean_db)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], grid: Grid) -> Self:
        """Read it from plain values.

        Raises:
            ValueError: Those are not of this grid, or not finite.
        """
        shapes, likeness = (
            {int(ticks): _table(one, shape) for ticks, one in plain[name].items()}
            for name, shape in (("shape_db", (2, BANDS)), ("unlike", (len(grid.lags),)))
        )
        floor, silence = finite(plain["floor_db"]), finite(plain["silence_db"])
        return cls(_table(plain["mean_db"], (BANDS,)), floor, silence, shapes, likeness)


def _table(plain: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    values = np.array(plain, np.float64)
    if values.shape != shape or not np.isfinite(values).all():
        raise ValueError(f"finite numbers of shape {shape} were expected, got {values.shape}")
    return values


def _rounded(values: NDArray[np.float64]) -> list[Any]:
    return np.round(values, 5).tolist()
