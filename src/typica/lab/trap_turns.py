"""Where the qualities of a domain are highest, in three units, and what that hangs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.lab.smooth_maximum import Maximum, smooth_maxima
from typica.lab.trap_domain import Domain
from typica.lab.turning_point import TurningPoint, turning_point

FEWEST = 0.1  # of the resamples: for what is tried without one of its ways

Rng = Callable[[], np.random.Generator]


class Turn(NamedTuple):
    """Where a quality of a domain is highest.

    Attributes:
        domain: Its name.
        symbol: What its sequences are of.
        quality: Name of the quality.
        within: Whether levels of the clusters were taken out.
        cost: Along d, in nats per symbol, with the share of the model's own samples below.
        score: Along z.
        lines: Along d, two lines that meet: what another method says of it.
        without: What the verdict is where one way of decoding is left out, by the way.
    """

    domain: str
    symbol: str
    quality: str
    within: bool
    cost: Maximum
    score: Maximum
    lines: TurningPoint
    without: dict[str, Maximum]

    @property
    def hangs_on(self) -> list[str]:
        """The ways of decoding without any one of which the verdict is another."""
        return [way for way, one in self.without.items() if one.verdict != self.cost.verdict]

    @property
    def verdict(self) -> str:
        """What is known: nothing where one way of decoding decides, or where z says otherwise."""
        return "undetermined" if self.hangs_on or self.is_contradicted else self.cost.verdict

    @property
    def is_contradicted(self) -> bool:
        """Whether a peak along d lies on another side of the entropy than it does along z."""
        return self.cost.shape == "peak" and self.score.verdict != self.cost.verdict

    @property
    def where(self) -> str:
        """What is told behind the name of a quality."""
        return ", within" if self.within else ""


def turns(domain: Domain, rng: Rng, resamples: int) -> list[Turn]:
    """Find where all qualities are highest, across clusters and, where there are such, within.

    Args:
        domain: Its sequences.
        rng: Makes a generator for each bootstrap.
        resamples: Of each bootstrap.
    """
    found = []
    values = np.column_stack(list(domain.quality.values()))
    for within in (True, False) if domain.is_clustered else (False,):
        settings: dict[str, Any] = {
            "clusters": domain.cluster,
            "within": within,
            "resamples": resamples,
        }
        cost = _along_cost(domain, values, rng(), settings)
        score = smooth_maxima(domain.z, values, rng(), **settings)
        decides = within or not domain.is_clustered
        without = _without(domain, rng, settings) if decides else {}
        for one, name in enumerate(domain.quality):
            lines = turning_point(domain.d, values[:, one], rng(), **settings)
            others = {way: tops[one] for way, tops in without.items()}
            names = (domain.name, domain.symbol, name, within)
            found.append(Turn(*names, cost[one], score[one], lines, others))
    return found


def _along_cost(
    domain: Domain, values: NDArray, rng: np.random.Generator, settings: dict[str, Any]
) -> list[Maximum]:
    return smooth_maxima(domain.d, values, rng, own=domain.own, redraw=domain.again, **settings)


def _without(domain: Domain, rng: Rng, settings: dict[str, Any]) -> dict[str, list[Maximum]]:
    """Return what is found where one way of decoding is left out, each in turn."""
    ways = list(dict.fromkeys(domain.way))
    fewer = settings | {"resamples": max(2, round(FEWEST * settings["resamples"]))}
    found = {}
    for way in ways if len(ways) > 1 else []:
        rest = domain.pick(domain.way != way)
        values = np.column_stack(list(rest.quality.values()))
        own = fewer | {"clusters": rest.cluster}
        found[way] = _along_cost(rest, values, rng(), own)
    return found


COLUMNS = [
    *("domain", "quality", "levels", "verdict", "shape", "hangs on"),
    *("d", "low", "high", "z", "low", "high", "share below", "low", "high"),
    *("two lines meet", "low", "high"),
]


def row(turn: Turn) -> list[str | float]:
    """Return what was found of a quality as a row of a table."""
    levels = "within" if turn.within else "across"
    hangs_on = ", ".join(turn.hangs_on[:3]) + (" ..." if len(turn.hangs_on) > 3 else "")
    verdict = turn.verdict if turn.without or levels == "within" else f"({turn.cost.verdict})"
    names: list[str | float] = [turn.domain, turn.quality, levels, verdict]
    names += [turn.cost.shape, hangs_on]
    cost, score, lines = turn.cost, turn.score, turn.lines
    numbers = [
        *(cost.place, cost.low, cost.high, score.place, score.low, score.high),
        *(cost.share, cost.share_low, cost.share_high),
    ]
    meets: list[str | float] = ["", "", ""]
    if lines.exists:
        meets = [_short(one) for one in (lines.place, lines.low, lines.high)]
    return [*names, *map(_short, numbers), *meets]


LEFT_OUT = ["domain", "quality", "left out", "d", "low", "high", "shape", "verdict"]


def rows_without(turn: Turn) -> list[list[str | float]]:
    """Return a row for each way of decoding that was left out."""
    return [
        [
            *(turn.domain, turn.quality, way),
            *map(_short, (one.place, one.low, one.high)),
            *(one.shape, one.verdict),
        ]
        for way, one in turn.without.items()
    ]


def _short(value: float) -> float:
    return round(value, 4) + 0.0
