"""A PixelCNN of digits finds the blank image likelier than digits, and what it draws coldly."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import Tensor

from typica.core import registry
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded, seeded_globally
from typica.decoding.sampling import draw_samples
from typica.images import spoil
from typica.lab.drawing import BLUE, GREEN, GREY, INK, ORANGE, canvas
from typica.lab.measure import auroc
from typica.lab.study import Bench, Number, Study, Table
from typica.training.fit import fit
from typica.typicality.statistics import ModelStatistics

LEVELS, PIXELS, TRAINING = 17, 64, 1200
GREEDY = 1e-4  # a temperature at which the likeliest level is always drawn
USUAL, OWN, COOL, COLD, COLDEST = "held-out digits", "own samples", "T = 0.7", "T = 0.4", "greedy"
BLANK = "all 0"
BLANK_REMARK = "differs widely between trainings: compare --seed 1 and --seed 2"
DRAWN = {OWN: 1.0, COOL: 0.7, COLD: 0.4, COLDEST: GREEDY}


class Recipe(NamedTuple):
    """The size of the model and its training: under a minute on one core of a CPU."""

    layers: int = 4
    features: int = 32
    steps: int = 400
    draws: int = 300  # at each temperature


RECIPE = Recipe()


def study(bench: Bench, recipe: Recipe = RECIPE) -> Study:
    """Train on 1,200 digits; score others, what is done to them, and what the model draws."""
    train, test = _digits(bench.seed)
    model = _trained(train, recipe, bench)
    sets = _spoilt(train, test, bench) | _drawn(model, recipe, bench)
    bits = {name: _bits(model, images) for name, images in sets.items()}
    # Samples of its own, drawn apart from those that are scored.
    entropy = _bits(model, _draw_at(model, 1.0, recipe.draws, bench.seed + 99)).mean()
    rows = [[name, len(found), *_row(found, bits, entropy)] for name, found in bits.items()]
    return Study(
        source="Musings on typicality, section 4.3; Nalisnick et al. 2018, arXiv 1810.09136",
        claim="Models find simple images likelier than those they were trained for.",
        finding=_finding(rows, entropy),
        numbers=[
            Number("entropy, by own samples", entropy, unit="bits an image"),
            *(_number(name, found) for name, found in bits.items()),
        ],
        tables=[Table(_CAPTION, _COLUMNS, rows)],
        figure=_figure(sets, bits, entropy),
    )


_COLUMNS = ["images", "count", "bits an image", "AUROC of nll", "AUROC of |nll - H|"]
_CAPTION = (
    "AUROC against held-out digits: 1 finds all as odd, 0 none, whatever the threshold. H is the"
    " entropy by own samples."
)


def _digits(seed: int) -> tuple[Tensor, Tensor]:
    """Return digits to train on and others, levels (count, 1, 8, 8)."""
    images = torch.tensor(load_digits().images, dtype=torch.long)[:, None]
    images = images[torch.randperm(len(images), generator=seeded(seed))]
    return images[:TRAINING], images[TRAINING:]


def _trained(train: Tensor, recipe: Recipe, bench: Bench) -> AutoregressiveModel:
    with seeded_globally(bench.seed):
        size = {"layers": recipe.layers, "features": recipe.features}
        model = registry.build("pixelcnn", "small", **size)
    fitted = fit(
        model,
        {"image": train},
        steps=recipe.steps,
        batch=32,
        learning_rate=1e-2,
        seed=bench.seed,
        progress=bench.progress,
    )
    assert isinstance(fitted, AutoregressiveModel)
    return fitted


def _spoilt(train: Tensor, test: Tensor, bench: Bench) -> dict[str, Tensor]:
    flat = {f"all {level}": torch.full_like(test[:1], level) for level in (0, 8, 16)}
    return {
        "training digits": train[: len(test)],
        USUAL: test,
        **flat,
        "half the levels": test // 2,
        "half the contrast": spoil.half_contrast(test),
        "inverted": spoil.inverted(test, LEVELS),
        "pixels shuffled": spoil.shuffled(test, bench.generator()),
        "uniform noise": spoil.noise(test, LEVELS, bench.generator()),
    }


def _drawn(model: AutoregressiveModel, recipe: Recipe, bench: Bench) -> dict[str, Tensor]:
    counts = {name: 1 if name == COLDEST else recipe.draws for name in DRAWN}
    return {name: _draw_at(model, DRAWN[name], counts[name], bench.seed) for name in DRAWN}


def _draw_at(model: AutoregressiveModel, temperature: float, count: int, seed: int) -> Tensor:
    generator = seeded(seed)
    return draw_samples(model, count, PIXELS, temperature=temperature, generator=generator).audio


def _bits(model: AutoregressiveModel, images: Tensor) -> np.ndarray:
    nats = -ModelStatistics(model, ["log_prob"], batch=100).fit_transform(images)[:, 0]
    return nats / math.log(2)


def _row(found: np.ndarray, bits: dict[str, np.ndarray], entropy: float) -> list[float]:
    """Return the mean, and how well likelihood and typicality tell a set from usual digits."""
    usual = bits[USUAL]
    typicality = auroc(np.abs(usual - entropy), np.abs(found - entropy))
    return [float(found.mean()), auroc(usual, found), typicality]


def _number(name: str, bits: np.ndarray) -> Number:
    remark = BLANK_REMARK if name == BLANK else ""
    return Number.mean(name, bits, unit="bits an image", remark=remark)


def _finding(rows: list[list], entropy: float) -> str:
    mean, likelihood, typicality = ({row[0]: row[k] for row in rows} for k in (2, 3, 4))
    ours = {USUAL, "training digits", *DRAWN}
    told = {name: f"{name} ({mean[name]:.0f})" for name in mean if name not in ours}
    likelier = [words for name, words in told.items() if likelihood[name] < 0.5]
    less = [words for name, words in told.items() if likelihood[name] >= 0.5]
    return (
        f"Held-out digits cost {mean[USUAL]:.1f} bits, own samples {entropy:.1f}. Likelier than"
        f" digits: {', '.join(likelier) or 'none'}. Less likely: {', '.join(less)}. Of the"
        f" images that models of photographs find too likely, flat or of half the contrast, only"
        f" the blank one is so here, and its price differs widely between trainings. What is drawn"
        f" coldly is too likely: T = 0.4 costs"
        f" {mean[COLD]:.1f} bits, greedy {mean[COLDEST]:.1f}. The likelihood finds T = 0.4 with an"
        f" AUROC of {likelihood[COLD]:.3f}, typicality with {typicality[COLD]:.3f};"
        f" {typicality[COLDEST]:.1%} of digits are nearer to H than the greedy image,"
        f" {typicality[BLANK]:.1%} nearer than the blank one."
    )


def _figure(sets: dict[str, Tensor], bits: dict[str, np.ndarray], entropy: float) -> Figure:
    figure, axes = canvas(1, 2, width=9.6, height=4.2)
    pictures, panel = axes[0]
    shown = [USUAL, *DRAWN]
    pictures.imshow(np.concatenate([_strip(sets[name]) for name in shown]), vmin=0, vmax=16)
    pictures.set_xticks([])
    pictures.set_yticks([4.5 + 10 * row for row in range(len(shown))], shown)
    pictures.set_title("Digits, and what the model draws")
    edges = np.arange(40, 421, 5)
    colours = {USUAL: INK, COLD: ORANGE, "half the levels": GREEN, "inverted": GREY, OWN: BLUE}
    for name, colour in colours.items():
        panel.hist(bits[name], edges, density=True, histtype="step", color=colour, label=name)
    panel.axvline(bits[COLDEST][0], color=ORANGE, linestyle="--", label=COLDEST)
    panel.axvline(bits[BLANK][0], color=GREEN, linestyle="--", label="all 0")
    panel.axvline(entropy, color=BLUE, linestyle=":", label="entropy H")
    panel.set_xlabel("bits an image")
    panel.set_ylabel("density, per bit")
    panel.set_title("What images cost the model")
    panel.legend()
    return figure


def _strip(images: Tensor) -> np.ndarray:
    """Return eight images side by side, framed; one image is repeated."""
    row = images[torch.arange(8) % len(images), 0].numpy()
    return np.concatenate(list(np.pad(row, ((0, 0), (1, 1), (1, 1)), constant_values=16)), 1)
