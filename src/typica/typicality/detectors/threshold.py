"""The likelihood as a detector: the wrong one, to compare others with."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from typica.typicality.detectors.base import ConformalDetector


class LikelihoodThreshold(ConformalDetector):
    """Call outliers what has a low likelihood.

    X holds log-likelihoods in nats, (examples,) or (examples, 1); they are the scores.

    It is wrong: in many dimensions samples lie where the volume is, not where the density is
    highest, and simple inputs (silence, a flat image) have higher likelihoods than any sample.
    Of N(0, I) in 100 dimensions, N(0, 0.64 I) is told apart with an AUROC of 0.013.

    Source: Nalisnick et al. 2019, "Do deep generative models know what they don't know?",
        https://arxiv.org/abs/1810.09136.
    """

    _most: ClassVar[int | None] = 1

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, 0]
