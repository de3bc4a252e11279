"""An ensemble's mean likelihood, less what its members disagree."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from typica.typicality.detectors.base import ConformalDetector


class WAIC(ConformalDetector):
    """Call outliers what an ensemble finds unlikely, or disagrees about.

    X holds log-likelihoods in nats, a column for each of two or more independently trained
    members. The score is their mean less their unbiased variance (in nats squared: with few
    members of many dimensions the variance decides alone).

    Its authors report that it cures the likelihood's failure; a replication (Morningstar et al.
    2021) finds that it does not.

    Source: Choi et al. 2018, "WAIC, but why?", https://arxiv.org/abs/1810.01392.
    """

    _least: ClassVar[int] = 2

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        return rows.mean(axis=1) - rows.var(axis=1, ddof=1)
