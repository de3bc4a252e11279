"""The picture of the likelihood trap: quality against the cost above the entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from typica.lab.drawing import BLUE, GREY, INK, ORANGE, canvas
from typica.lab.smooth_maximum import Maximum
from typica.lab.trap_domain import REFERENCE, Domain
from typica.lab.trap_turns import Turn
from typica.lab.turning_point import equal_count_bins

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS, MOST = 3, 6  # panels in a row; qualities that are shown of a domain
EDGE = 0.005  # share of the sequences on either side that is not shown


def figure(domains: Sequence[Domain], found: Sequence[Turn]) -> Figure:
    """Draw the first qualities of each domain: bins, curve, highest place and its interval."""
    panels = [
        (domain, turn)
        for domain in domains
        for turn in _shown([turn for turn in found if turn.domain == domain.name])
    ]
    down = math.ceil(len(panels) / ACROSS)
    picture, axes = canvas(down, ACROSS, width=11.5, height=3.4 * down)
    for axis, panel in zip(axes.flat, panels, strict=False):
        _panel(axis, *panel)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    return picture


def _shown(found: Sequence[Turn]) -> list[Turn]:
    """Return the first qualities, within clusters where there are such."""
    first: dict[str, Turn] = {}
    for turn in found:
        first.setdefault(turn.quality, turn)
    return list(first.values())[:MOST]


def _panel(axis: Any, domain: Domain, turn: Turn) -> None:
    values, top = domain.quality[turn.quality], turn.cost
    if turn.within:
        plain = equal_count_bins(domain.d, values)
        axis.plot(plain.x, plain.y, ".", color=GREY, label="bins, as they are")
        values = _without_levels(domain, values, top)
    bins = equal_count_bins(domain.d, values)
    label = "bins, levels taken out" if turn.within else "bins"
    axis.errorbar(bins.x, bins.y, bins.error, fmt="o", ms=4, color=BLUE, label=label)
    low, high = np.quantile(domain.d, [EDGE, 1 - EDGE])
    axis.plot(top.places, top.curve, color=INK, label="spline")
    axis.axvspan(top.low, top.high, color=ORANGE, alpha=0.2, lw=0, label="highest, 95 %")
    axis.axvline(top.place, color=ORANGE)
    real = domain.held_out
    if real is not None:
        place = real.d.mean(), real.quality[turn.quality].mean()
        axis.plot(*place, "*", color=INK, ms=10, label=f"{REFERENCE}, mean")
    _own(axis, domain, low, high)
    axis.set_xlim(low, high)
    axis.set_title(f"{domain.name}, {turn.quality}: {turn.verdict}")
    axis.set_xlabel(f"(nll - H) / L, nats a {domain.symbol}")
    axis.legend(fontsize=7)


def _without_levels(domain: Domain, values: NDArray, top: Maximum) -> NDArray:
    """Move each cluster up or down so that it lies on the curve on average."""
    labels = np.unique(domain.cluster, return_inverse=True)[1]
    apart = np.bincount(labels, values - np.interp(domain.d, top.places, top.curve))
    return values - (apart / np.bincount(labels))[labels]


def _own(axis: Any, domain: Domain, low: float, high: float) -> None:
    """Draw where the model's own samples lie, along the lower edge."""
    axis.axvline(0, color=GREY, ls=":")
    twin = axis.twinx()
    counts, edges = np.histogram(domain.own, np.linspace(low, high, 41))
    twin.stairs(counts, edges, fill=True, color=GREY, alpha=0.35)
    twin.set_ylim(0, 5 * max(counts.max(), 1))
    twin.set_axis_off()
