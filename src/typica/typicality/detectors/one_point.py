"""Typicality of a single example: how far its surprisal is from the entropy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from typica.typicality.detectors.base import ConformalDetector


class OnePointTypicality(ConformalDetector):
    """Call outliers what is more or less likely than samples are.

    X holds log-likelihoods in nats, (examples,) or (examples, 1). The score is
    -|-log p(x) - H|, H the entropy.

    Blind to whatever has a likelihood as samples have: a point of the right radius under a
    Gaussian, however regular. Weak where the surprisals of normal examples are spread over
    several modes: then use `DensityOfStates`.

    Args:
        alpha: Share of normal examples that may be called outliers.
        entropy: In nats, as from the model's own samples; None for the mean surprisal of the
            reference, which is a cross-entropy and follows the reference where the model fits
            it badly.

    Attributes:
        entropy_: The entropy in use.
    """

    _most: ClassVar[int | None] = 1
    entropy_: float

    def __init__(self, alpha: float = 0.01, entropy: float | None = None) -> None:
        self.alpha = alpha
        self.entropy = entropy

    def _learn(self, rows: np.ndarray) -> None:
        self.entropy_ = float(-rows.mean() if self.entropy is None else self.entropy)

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        return -np.abs(-rows[:, 0] - self.entropy_)
