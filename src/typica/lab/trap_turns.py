"""Turning points of a domain, in three units: nats per symbol, z, and shares of its own samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from typica.lab.smooth_maximum import Maximum, smooth_maximum
from typica.lab.trap_domain import Domain
from typica.lab.turning_point import TurningPoint, turning_point


class Turn(NamedTuple):
    """Where a quality of a domain turns.

    Attributes:
        domain: Its name.
        symbol: What its sequences are of.
        quality: Name of the quality.
        cost: Along d, in nats per symbol.
        score: Along z.
        top: Of a smooth curve along d.
        share: Of the model's own samples, those that cost less than the turning point.
        low: Of that share, with the interval of `cost`.
        high: Likewise.
    """

    domain: str
    symbol: str
    quality: str
    cost: TurningPoint
    score: TurningPoint
    top: Maximum
    share: float
    low: float
    high: float

    @property
    def where(self) -> str:
        """What is told behind the name of a quality."""
        return ", within" if self.cost.within else ""


def turns(domain: Domain, rng: Callable[[], np.random.Generator], resamples: int) -> list[Turn]:
    """Find the turning points of all qualities, across clusters and, where there are such, within.

    Args:
        domain: Its sequences.
        rng: Makes a generator for each bootstrap.
        resamples: Of each bootstrap.
    """
    is_clustered = len(np.unique(domain.cluster)) < len(domain.cluster)
    found = []
    for name, values in domain.quality.items():
        for within in (True, False) if is_clustered else (False,):
            settings: dict[str, Any] = {
                "clusters": domain.cluster,
                "within": within,
                "resamples": resamples,
            }
            cost, score = (
                turning_point(place, values, rng(), **settings) for place in (domain.d, domain.z)
            )
            top = smooth_maximum(domain.d, values, rng(), **settings)
            shares = [float((domain.own < one).mean()) for one in (cost.place, cost.low, cost.high)]
            found.append(Turn(domain.name, domain.symbol, name, cost, score, top, *shares))
    return found


COLUMNS = [
    *("domain", "quality", "levels", "d", "low", "high", "z", "low", "high"),
    *("share below", "low", "high", "peaks", "verdict", "top", "low", "high"),
]


def row(turn: Turn) -> list[str | float]:
    """Return a turning point as a row of a table; what is not there is left empty."""
    names: list[str | float] = [turn.domain, turn.quality, turn.where.strip(", ") or "across"]
    places: list[str | float] = ["", "", ""]
    shares: list[str | float] = ["", "", ""]
    if turn.cost.exists:
        places = [_short(one) for one in (turn.cost.place, turn.cost.low, turn.cost.high)]
        shares = [_short(one) for one in (turn.share, turn.low, turn.high)]
    scores: list[str | float] = ["", "", ""]
    if turn.score.exists:
        scores = [_short(one) for one in (turn.score.place, turn.score.low, turn.score.high)]
    tops = [_short(one) for one in (turn.top.place, turn.top.low, turn.top.high)]
    return [*names, *places, *scores, *shares, _short(turn.cost.peaks), turn.cost.verdict, *tops]


def _short(value: float) -> float:
    return round(value, 4) + 0.0
