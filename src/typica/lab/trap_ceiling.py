"""Whether qualities rank real sequences highest, and whether likelihood tells real from decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from typica.lab.trap_domain import ANCESTRAL, Domain

COLUMNS = [
    *("domain", "quality", "held out", "spread", "ancestral", "best way", "its mean"),
    *("AUROC of |z|, ancestral", "beaten by"),
]
ERRORS = 2.0  # standard errors


def ceiling(domain: Domain) -> list[list[Any]]:
    """Return a row for each quality, none where nothing is held out.

    The last cell is empty, or the way of decoding that has more of the quality than held-out
    sequences have. AUROC: of a discriminator that takes what has the larger |z| for decoded.
    """
    real = domain.held_out
    if real is None:
        return []
    ancestral = domain.way == ANCESTRAL
    apart = auroc(np.abs(domain.z[ancestral]), np.abs(real.z))
    rows = []
    for name, values in domain.quality.items():
        means = {way: values[domain.way == way].mean() for way in dict.fromkeys(domain.way)}
        best = max(means, key=lambda way: float(means[way]))
        theirs, ours = values[domain.way == best], real.quality[name]
        error = np.hypot(_error(theirs), _error(ours))
        beaten = best if theirs.mean() - ours.mean() > ERRORS * error else ""
        numbers = [ours.mean(), ours.std(), values[ancestral].mean()]
        told = [round(float(one), 4) for one in numbers]
        rows.append([domain.name, name, *told, best, round(theirs.mean(), 4), apart, beaten])
    return rows


def auroc(decoded: np.ndarray, real: np.ndarray) -> float:
    """Return how often a decoded sequence has the larger value of a pair; ties count half."""
    wins = mannwhitneyu(decoded, real).statistic
    return round(float(wins) / (len(decoded) * len(real)), 4)


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
