"""A Gaussian in 100 dimensions is a soap bubble: how much of it lies in which shell."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from typica.lab.drawing import BLUE, GREY, INK, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality import GaussianTypicality

K, COUNT = 100, 100_000
SHELLS = {
    "9 < r < 11": (9.0, 11.0, "just over 84 %"),
    "8 < r < 12": (8.0, 12.0, "more than 99 %"),
    "r < 8": (0.0, 8.0, "about 0.2 %"),
    "r > 12": (12.0, math.inf, None),
    "r < 9": (0.0, 9.0, None),
    "r > 11": (11.0, math.inf, None),
}
SIZES = (1, 2, 10, 100, 1000, 10**6)


def study(bench: Bench) -> Study:
    """Count samples in each shell, beside the chi-square law that needs none."""
    gaussian = GaussianTypicality(K)
    rng = bench.rng()
    # Never all coordinates of all samples at once: 10^6 of them would take 800 MB.
    radii = np.concatenate(
        [np.linalg.norm(rng.standard_normal((COUNT // 20, K)), axis=1) for _ in range(20)]
    )
    numbers = []
    for name, (low, high, published) in SHELLS.items():
        exact = gaussian.shell_mass(low, high)
        counted = float(((radii > low) & (radii < high)).mean())
        error = math.sqrt(exact * (1 - exact) / COUNT)
        numbers.append(Number(f"P({name})", counted, exact, published, error))
    numbers += [
        Number("mean radius", float(radii.mean()), gaussian.radius_mean, error=0.71 / COUNT**0.5),
        Number(
            "variance of the radius",
            float(radii.var()),
            gaussian.radius_variance,
            published="K",
            error=0.5 * math.sqrt(2 / COUNT),
            remark="K is the mean of r^2; the variance of r tends to 1/2",
        ),
    ]
    finding = (
        "All three shares hold. The shell is thin beside its radius and not thin in itself: its"
        " standard deviation tends to 0.7071 for every K, and P(|r - sqrt K| < 1) to"
        f" erf(1) = {math.erf(1):.4f}."
    )
    return Study(
        source="Musings on typicality, section 2.2: Gaussian soap bubbles; its addendum",
        claim="Of a standard Gaussian in 100 dimensions just over 84 % lies at radii from 9 to 11,"
        " more than 99 % from 8 to 12, and about 0.2 % within 8.",
        finding=finding,
        numbers=numbers,
        tables=[_moments()],
        figure=_draw(radii, gaussian),
    )


def _moments() -> Table:
    rows = []
    for size in SIZES:
        gaussian, root = GaussianTypicality(size), math.sqrt(size)
        near = gaussian.shell_mass(max(root - 1, 0), root + 1)
        moments = gaussian.radius_mean, gaussian.radius_variance, gaussian.radius_mode, near
        rows.append([size, *(f"{one:.9g}" for one in moments)])
    columns = ["K", "mean of r", "variance of r", "mode of r", "P(|r - sqrt K| < 1)"]
    return Table("The radius of a standard Gaussian, of a chi law", columns, rows)


def _draw(radii: np.ndarray, gaussian: GaussianTypicality) -> Figure:
    figure, axes = canvas(width=7.2, height=3.4)
    (ax,) = axes.flat
    edges = np.linspace(6, 14, 81)
    ax.hist(radii, edges, density=True, color=BLUE, alpha=0.35, label=f"{COUNT} samples")
    exact = gaussian.shell_mass(edges[:-1], edges[1:]) / np.diff(edges)
    ax.plot((edges[1:] + edges[:-1]) / 2, exact, color=INK, label="chi law")
    for low, high, colour in ((9, 11, ORANGE), (8, 12, GREY)):
        share = f"{100 * gaussian.shell_mass(low, high):.2f} %"
        label = f"{share} from {low} to {high}"
        ax.axvspan(low, high, color=colour, alpha=0.13, linewidth=0, label=label)
    ax.set_title("Radii of a standard Gaussian in 100 dimensions")
    ax.set_xlabel("radius")
    ax.set_ylabel("density")
    ax.legend(loc="upper right")
    return figure
