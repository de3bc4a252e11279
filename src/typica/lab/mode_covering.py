"""One Gaussian to a mixture: what it covers depends on the divergence, and on the distance."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from scipy.optimize import brentq
from torch import Tensor
from torch.distributions import Distribution, Normal

from typica.lab.drawing import BLUE, GREEN, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.mode_covering import (
    Fit,
    fit_gaussian,
    forward_kl,
    jensen_shannon,
    mixture,
    reverse_kl,
    squared_mmd,
)

Divergence = Callable[[Distribution, Normal], Tensor]
DIVERGENCES: dict[str, Divergence] = {
    "forward KL(p || q)": forward_kl,
    "reverse KL(q || p)": reverse_kl,
    "Jensen-Shannon": jensen_shannon,
    "squared MMD, b^2 = 1": lambda p, q: squared_mmd(p, q, 1.0),
    "squared MMD, b^2 = 25": lambda p, q: squared_mmd(p, q, 25.0),
}
TARGETS = {
    "Theis: 0.7 N(-2, 0.6), 0.3 N(3, 0.8)": ([0.7, 0.3], [-2.0, 3.0], [0.6, 0.8]),
    "A: 0.5 N(-2, 0.5), 0.5 N(2, 0.5)": ([0.5, 0.5], [-2.0, 2.0], [0.5, 0.5]),
    "B: 0.7 N(-2, 0.5), 0.3 N(2, 0.5)": ([0.7, 0.3], [-2.0, 2.0], [0.5, 0.5]),
    "C: 0.6 N(-2, 0.6), 0.4 N(2, 1)": ([0.6, 0.4], [-2.0, 2.0], [0.6, 1.0]),
    "D: 0.5 N(-3, 1), 0.5 N(3, 1)": ([0.5, 0.5], [-3.0, 3.0], [1.0, 1.0]),
}
STARTS = [(mean, scale) for mean in (-2.5, 0.0, 3.0) for scale in (0.5, 2.0)]
THEIS = "Theis: 0.7 N(-2, 0.6), 0.3 N(3, 0.8)"
DISTANCES = [1.0, 1.5, 2.0, 2.2, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.5, 4.0]


def study(bench: Bench) -> Study:
    """Fit by five divergences to five targets, and by reverse KL to modes drawn apart."""
    fits = {
        (target, name): _fit(mixture(*TARGETS[target]), divergence, STARTS)
        for target in TARGETS
        for name, divergence in DIVERGENCES.items()
    }
    apart = [(d, _symmetric(d, (d, 1.0)), _symmetric(d, (0.0, 2.0))) for d in DISTANCES]
    switch = float(brentq(_seeking_excess, 2.65, 3.0, xtol=1e-6))
    p = mixture(*TARGETS[THEIS])
    covering = fits[THEIS, "forward KL(p || q)"][0]
    figure, axes = canvas(2, 3, width=12, height=6.4)
    for name, place in zip(DIVERGENCES, axes.flat, strict=False):
        _draw_fits(place, p, fits[THEIS, name], name)
    _draw_distances(axes[1, 2], apart, switch)
    numbers = [
        Number("forward KL, mean", covering.mean, exact=p.mean.item()),
        Number("forward KL, scale", covering.scale, exact=math.sqrt(p.variance.item())),
        Number("forward KL, value", covering.value, unit="nats"),
        *_best(fits),
        Number("distance at which reverse KL begins to seek", switch, unit="standard deviations"),
    ]
    return Study(
        "figure of the article on mode-covering and mode-seeking; Theis et al. 2016, figure 1",
        "Maximum likelihood covers all modes; reverse KL, and what GANs lessen, picks one.",
        f"So it is for modes far apart. Of equal modes nearer than {switch:.2f} standard "
        f"deviations to their middle, the best Gaussian under reverse KL covers both; and "
        f"Jensen-Shannon covers or seeks as the target is. Both have local optima of either kind.",
        numbers,
        figure,
        [*(_table(target, fits) for target in TARGETS), _distance_table(apart)],
    )


def _fit(p: Distribution, divergence: Divergence, starts: list[tuple[float, float]]) -> list[Fit]:
    return fit_gaussian(lambda q: divergence(p, q), starts)


def _symmetric(distance: float, start: tuple[float, float]) -> Fit:
    """Fit by reverse KL to two equal modes of scale 1, this far from the middle."""
    return _fit(mixture([0.5, 0.5], [-distance, distance], [1.0, 1.0]), reverse_kl, [start])[0]


def _seeking_excess(distance: float) -> float:
    return _symmetric(distance, (distance, 1.0)).value - _symmetric(distance, (0.0, 2.0)).value


def _best(fits: dict[tuple[str, str], list[Fit]]) -> list[Number]:
    names = list(DIVERGENCES)[1:]
    return [Number(f"{name}, least value", fits[THEIS, name][0].value) for name in names]


def _table(target: str, fits: dict[tuple[str, str], list[Fit]]) -> Table:
    rows = [[name, *fit] for name in DIVERGENCES for fit in fits[target, name]]
    return Table(f"Optima for {target}", ["objective", "mean", "scale", "value"], rows)


def _distance_table(apart: list[tuple[float, Fit, Fit]]) -> Table:
    columns = ["d", "from a mode: mean", "scale", "KL, nats", "from the centre: scale", "KL, nats"]
    rows = [[d, *mode, centre.scale, centre.value] for d, mode, centre in apart]
    return Table("Reverse KL to 0.5 N(-d, 1) + 0.5 N(d, 1)", columns, rows)


def _draw_fits(axes: Axes, p: Distribution, fits: list[Fit], name: str) -> None:
    x = torch.linspace(-8, 8, 801).double()
    axes.fill_between(x, p.log_prob(x).exp(), color=BLUE, alpha=0.25, lw=0, label="p, the target")
    for rank, fit in enumerate(fits):
        colour, dashes, width = (GREY, "--", 1.2) if rank else (GREEN, "-", 2.0)
        density = Normal(fit.mean, fit.scale).log_prob(x).exp()
        axes.plot(
            x,
            density,
            label=f"{'local' if rank else 'best'}: {fit.value:.4f}",
            color=colour,
            ls=dashes,
            lw=width,
        )
    axes.set(title=name, xlabel="x", ylabel="density", ylim=(0, None))
    axes.legend(loc="upper right")


def _draw_distances(axes: Axes, apart: list[tuple[float, Fit, Fit]], switch: float) -> None:
    distances = [d for d, _, _ in apart]
    seeking = [(d, mode.value) for d, mode, _ in apart if mode.mean > 0.1]
    axes.plot(distances, [fit.value for _, _, fit in apart], color=BLUE, label="covers both")
    axes.plot(*zip(*seeking, strict=True), color=ORANGE, label="seeks one")
    axes.axvline(switch, color=GREY, ls=":", label=f"d = {switch:.2f}")
    axes.set(
        title="Reverse KL to modes at -d and d, scale 1", xlabel="d", ylabel="KL(q || p), nats"
    )
    axes.legend(loc="upper left")
