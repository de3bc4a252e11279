"""Magnitudes as a grey picture of 16 bits: decibels from black to white, low bins at the bottom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.errors import ConfigError
from typica.signal.spectrum import decibels

RANGE_DB = 100.0
WHITE = (1 << 16) - 1


@dataclass(frozen=True)
class GreyScale:
    """What greys stand for.

    Attributes:
        top_db: The magnitude of white, 20 log10.
        range_db: How far under it a magnitude counts as silence, which is black.
    """

    top_db: float
    range_db: float = RANGE_DB

    def __post_init__(self) -> None:
        if not (self.range_db > 0 and np.isfinite([self.top_db, self.range_db]).all()):
            raise ConfigError(f"a grey scale spans a range above 0 dB, got {self}")

    @classmethod
    def of(cls, magnitudes: Tensor, *, range_db: float = RANGE_DB) -> GreyScale:
        """Return the scale on which the largest of magnitudes is white."""
        return cls(float(decibels(magnitudes.max(), floor_db=-range_db)), range_db)

    @property
    def step_db(self) -> float:
        """From one grey to the next."""
        return self.range_db / WHITE

    def encode(self, magnitudes: Tensor) -> NDArray[np.uint16]:
        """Return the picture, (bins, frames), the last bin in the first row."""
        floor_db = self.top_db - self.range_db
        levels = (decibels(magnitudes.double(), floor_db=floor_db) - floor_db) / self.step_db
        return levels.round().clamp(0, WHITE).flip(-2).numpy().astype(np.uint16)

    def decode(self, levels: NDArray) -> Tensor:
        """Return the magnitudes of a picture, float32 (bins, frames); those of black are 0."""
        grey = torch.from_numpy(levels[::-1].astype(np.float64))
        magnitudes = torch.pow(10, (grey * self.step_db + self.top_db - self.range_db) / 20)
        return torch.where(grey > 0, magnitudes, 0).float()
