"""Input complexity: the likelihood against the length of a lossless code."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from typica.typicality.detectors.base import ConformalDetector


class InputComplexity(ConformalDetector):
    """Call outliers what a model explains hardly better than a general compressor does.

    X holds the log-likelihood in nats in the first column, and in the others the length in bits
    of the example's code by one or more lossless codecs, headers subtracted: the shortest
    counts. Both must be of the same numbers (8-bit levels, 16-bit samples). The score is
    log p(x) + length * ln 2, in nats: a log-likelihood ratio against the codec.

    Source: Serra et al. 2020, "Input complexity and out-of-distribution detection with
        likelihood-based generative models", https://arxiv.org/abs/1909.11480, equation 1.
    """

    _least: ClassVar[int] = 2

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, 0] + rows[:, 1:].min(axis=1) * math.log(2)
