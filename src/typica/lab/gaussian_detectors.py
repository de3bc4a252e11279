"""Likelihood and typicality as detectors of narrow and wide Gaussians: every AUROC is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import fixed_quad
from scipy.stats import chi2, f

from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.detectors.base import ConformalDetector
from typica.typicality.detectors.one_point import OnePointTypicality
from typica.typicality.detectors.threshold import LikelihoodThreshold

# (dimensions, standard deviation of what is to be found)
CASES = [
    (10, 0.5),
    (10, 0.8),
    (10, 0.9),
    (10, 1.25),
    (100, 0.8),
    (100, 0.9),
    (100, 1.1),
    (100, 1.25),
]
EXAMPLES = 50_000


def study(bench: Bench) -> Study:
    """Calculate AUROCs, and measure them with the detectors."""
    numbers, rows = [], []
    with bench.progress.task("measuring", len(CASES), "cases") as task:
        for seed, (dimensions, scale) in enumerate(CASES):
            measured = _measure(dimensions, scale, np.random.default_rng([bench.seed, seed]))
            exact = likelihood_auroc(dimensions, scale), typicality_auroc(dimensions, scale)
            names = "likelihood", "typicality"
            for name, true, (value, error) in zip(names, exact, measured, strict=True):
                where = f"AUROC of {name}, {dimensions} dimensions, s = {scale}"
                numbers.append(Number(where, value, exact=true, error=error))
            rows.append([dimensions, scale, *_beside(exact, measured)])
            task.advance()
    columns = ["dimensions", "s", "likelihood, exact", "measured", "typicality, exact", "measured"]
    return Study(
        source="Nalisnick et al. 2019, arXiv 1906.02994; no figure of the article",
        claim="What is likelier than samples is missed by the likelihood and found by typicality.",
        finding=_finding(),
        numbers=numbers,
        tables=[Table("AUROC of N(0, s^2 I) against the model N(0, I)", columns, rows)],
        figure=_draw(rows),
    )


def likelihood_auroc(dimensions: int, scale: float) -> float:
    """P(s^2 A > B), A and B chi-square: a tail of the F distribution."""
    return float(f.sf(1 / scale**2, dimensions, dimensions))


def typicality_auroc(dimensions: int, scale: float) -> float:
    """P(|s^2 A - K| > |B - K|), A and B chi-square with K degrees of freedom, by quadrature."""

    def integrand(square: np.ndarray) -> np.ndarray:
        away = np.abs(scale**2 * square - dimensions)
        inside = chi2.cdf(dimensions + away, dimensions) - chi2.cdf(dimensions - away, dimensions)
        return chi2.pdf(square, dimensions) * inside

    begin, end = chi2.ppf([1e-13, 1 - 1e-13], dimensions)
    # Split where the deviation has its corner.
    corner = min(max(dimensions / scale**2, begin), end)
    parts = [fixed_quad(integrand, *ends, n=200)[0] for ends in ((begin, corner), (corner, end))]
    return float(sum(parts))


def auroc(inside: np.ndarray, odd: np.ndarray) -> tuple[float, float]:
    """Return P(an odd score is below an inside one), and its standard error.

    Source: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more
        correlated receiver operating characteristic curves".
    """
    below = np.searchsorted(np.sort(odd), inside) / len(odd)
    above = 1 - np.searchsorted(np.sort(inside), odd) / len(inside)
    return float(below.mean()), float(np.sqrt(below.var() / len(inside) + above.var() / len(odd)))


def _measure(dimensions: int, scale: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    reference, inside, odd = -rng.chisquare(dimensions, (3, EXAMPLES)) / 2
    odd *= scale**2
    # The log-likelihoods lack their constant, and so does the entropy.
    detectors: list[ConformalDetector] = [
        LikelihoodThreshold(),
        OnePointTypicality(entropy=dimensions / 2),
    ]
    scores = [detector.fit(reference).score_samples for detector in detectors]
    return [auroc(score(inside), score(odd)) for score in scores]


def _beside(exact: tuple[float, float], measured: list[tuple[float, float]]) -> list[str]:
    pairs = zip(exact, measured, strict=True)
    return [text for true, (value, _) in pairs for text in (f"{true:.6f}", f"{value:.4f}")]


def _finding() -> str:
    cases = [(100, 0.8), (100, 1.25), (10, 0.8)]
    narrow, wide, few = [(likelihood_auroc(*case), typicality_auroc(*case)) for case in cases]
    return (
        f"In 100 dimensions the likelihood finds a Gaussian of s = 0.8 with an AUROC of"
        f" {narrow[0]:.3f}, far worse than guessing, and typicality with {narrow[1]:.3f}. Of a wide"
        f" one, s = 1.25, the likelihood is the better detector: {wide[0]:.3f} against"
        f" {wide[1]:.3f}. In 10 dimensions s = 0.8 has {few[0]:.3f} and {few[1]:.3f}."
    )


def _draw(rows: list[list]) -> Figure:
    figure, axes = canvas(1, 2, width=9.0, height=3.6)
    scales = np.linspace(0.4, 1.6, 61)
    curves: list[tuple[str, str, Callable[[int, float], float], int]] = [
        ("likelihood", ORANGE, likelihood_auroc, 3),
        ("one-point typicality", BLUE, typicality_auroc, 5),
    ]
    for ax, dimensions in zip(axes.flat, (10, 100), strict=True):
        ax.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
        for name, colour, exact, column in curves:
            ax.plot(scales, [exact(dimensions, s) for s in scales], color=colour, label=name)
            dots = [(row[1], float(row[column])) for row in rows if row[0] == dimensions]
            ax.plot(*zip(*dots, strict=True), "o", color=colour, label="measured")
        ax.set_title(f"N(0, s² I) against the model N(0, I), {dimensions} dimensions")
        ax.set_xlabel("standard deviation s of what is to be found")
        ax.set_ylabel("AUROC")
        ax.set_ylim(-0.03, 1.03)
    axes[0, 1].legend(loc="lower right")
    return figure
