"""What several studies measure in the same way."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score


def auroc(usual: np.ndarray, odd: np.ndarray) -> float:
    """Return P(an odd example scores higher than a usual one), ties counting half."""
    labels = np.r_[np.zeros(len(usual)), np.ones(len(odd))]
    return float(roc_auc_score(labels, np.r_[usual, odd]))
