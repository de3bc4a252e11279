"""Likelihood regret as a detector: what an encoder lost on an example."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.utils import Tags

from typica.typicality.detectors.base import ConformalDetector, StatisticError


class LikelihoodRegret(ConformalDetector):
    """Call outliers what a variational autoencoder could explain far better than it does.

    X holds regrets in nats, (examples,) or (examples, 1): the best bound on log p(x) with the
    posterior fitted to this one example, less the encoder's bound. The score is minus it.

    Source: Xiao et al. 2020, "Likelihood regret: an out-of-distribution detection score for
        variational auto-encoder", https://arxiv.org/abs/2003.02977, section 3.
    """

    _most: ClassVar[int | None] = 1

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def _normality(self, rows: np.ndarray) -> np.ndarray:
        if (rows < 0).any():
            raise StatisticError(
                f"Negative values in data: a regret of {rows.min():.6g}; the fit must start from "
                f"the encoder's posterior and keep the best bound that it has seen"
            )
        return -rows[:, 0]
