"""The annulus test: latents of a Gaussian prior lie near a sphere."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from typica.core.errors import ConfigError
from typica.typicality.detectors.base import ConformalDetector


class LatentAnnulus(ConformalDetector):
    """Call outliers what a flow or encoder maps off the sphere where the prior's samples lie.

    X holds latents, (examples, dimensions), of a model whose prior is N(0, I). The score is
    -| |z| - radius |: the radius alone is looked at, so that all latents of the right length
    pass, samples or not.

    Args:
        alpha: Share of normal examples that may be called outliers.
        radius: "prior" for sqrt(dimensions); "reference" for the median radius of the
            reference, for a model whose latents do not fill the prior; or a number.

    Attributes:
        radius_: The radius in use.
    """

    radius_: float

    def __init__(
        self, alpha: float = 0.01, radius: float | Literal["prior", "reference"] = "prior"
    ) -> None:
        self.alpha = alpha
        self.radius = radius

    def _learn(self, rows: np.ndarray) -> None:
        if self.radius == "prior":
            self.radius_ = math.sqrt(rows.shape[1])
        elif self.radius == "reference":
            self.radius_ = float(np.median(np.linalg.norm(rows, axis=1)))
        elif isinstance(self.radius, str):
            raise ConfigError(
                f'radius must be "prior", "reference" or a number, got {self.radius!r}'
            )
        else:
            self.radius_ = float(self.radius)

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        return -np.abs(np.linalg.norm(rows, axis=1) - self.radius_)
