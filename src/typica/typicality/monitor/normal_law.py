"""How far the martingale goes by itself: its limits follow from the model, not from recordings.

Under the model's own draws at temperature 1 its value over a window is standard normal. Looked
at again and again, with windows that overlap, it passes any level sooner or later: how often?
"""

from __future__ import annotations

import math
from statistics import NormalDist

NORMAL = NormalDist()
HIGHEST = 40.0  # no level beyond it is of use


def passed(level: float, window_s: float, step_s: float) -> float:
    """Return a bound on how often an hour |z| comes to pass a level, under the model.

    The smaller of two. Judged every `step_s`, it cannot pass more often than each judgement by
    itself: 2 (1 - Phi(u)) a step. And a process that is the normalised sum over a window that
    moves on has, in the limit of small steps, u phi(u) clumps beyond u a window and side
    (Slepian's process: its covariance falls as 1 - t / W; Aldous 1989, chapter C).
    """
    each = 2 * NORMAL.cdf(-level) / step_s
    clumps = 2 * level * NORMAL.pdf(level) / window_s
    return 3600 * (min(each, clumps) if level > 1 else each)


def limit(rate: float, window_s: float, step_s: float) -> float:
    """Return the level that |z| passes no more than `rate` times an hour."""
    low, high = 1.0, HIGHEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if passed(middle, window_s, step_s) > rate else (low, middle)
    return math.ceil(high * 1000) / 1000
