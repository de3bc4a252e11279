"""The likelihood ratio against models of the background."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from typica.typicality.detectors.base import ConformalDetector


class LikelihoodRatio(ConformalDetector):
    """Call outliers what a model explains hardly better than a background model does.

    X holds log-likelihoods in nats: under the model in the first column, under one or more
    background models (the same network trained on noised examples) in the others. The score is
    log p(x) - log q(x), q the even mixture of the backgrounds.

    A background that gives an example no probability speaks for it; a model that does, against.

    Source: Ren et al. 2019, "Likelihood ratios for out-of-distribution detection",
        https://arxiv.org/abs/1906.02845, equation 4.
    """

    _least: ClassVar[int] = 2

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    def _sound(self, rows: np.ndarray) -> np.ndarray:
        return np.isfinite(rows[:, 0]) & ~np.isposinf(rows[:, 1:]).any(axis=1)

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        backgrounds = rows.shape[1] - 1
        return rows[:, 0] - (logsumexp(rows[:, 1:], axis=1) - math.log(backgrounds))
