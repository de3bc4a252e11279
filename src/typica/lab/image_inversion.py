"""Three models of photographs find flat images likelier than photographs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from typica.core import registry
from typica.core.model import ExplicitModel
from typica.core.randomness import seeded_globally
from typica.images import spoil
from typica.images.photographs import patches
from typica.lab.drawing import BLUE, GREY, INK, ORANGE, canvas
from typica.lab.measure import auroc
from typica.lab.study import Bench, Number, Study, Table
from typica.training.fit import fit
from typica.typicality.detectors.batch import BatchTypicalityTest

GREY_PATCHES = {"levels": 256, "channels": 1, "height": 8, "width": 8}
VALUES = 64  # of a patch


class Recipe(NamedTuple):
    """A system, its settings and its training: half a minute on one core of a CPU."""

    system: str
    settings: dict[str, Any]
    steps: int
    learning_rate: float


RECIPES = [
    Recipe(
        "pixelcnn",
        {"output": "logistics", "components": 3, "layers": 2, "features": 32, "dropout": 0.0},
        steps=700,
        learning_rate=1e-2,
    ),
    Recipe("glow", {"steps": 4, "hidden": 32}, steps=500, learning_rate=8e-3),
    Recipe("vae", {"latents": 32, "hidden": 32}, steps=1000, learning_rate=4e-3),
]
TRAINING, COUNT, BATCH = 8000, 400, 64
TOGETHER, TESTS = 10, 200  # patches that are tested together, and how often
SHOWN = 4  # patches of a set in the figure
TITLES = {"pixelcnn": "PixelCNN", "glow": "Glow", "vae": "VAE"}
USUAL = "held-out patches"


def study(bench: Bench) -> Study:
    """Train the models on one photograph, and score what is like it and what is not."""
    sets, reference = _sets(bench), patches("china", "test", COUNT, seed=bench.seed + 3)
    nats = {}
    for recipe in RECIPES:
        model = _trained(recipe, bench)
        own = model.sample(COUNT, VALUES, generator=bench.generator())
        scored = sets | {"reference": reference, "own samples": own}
        nats[recipe.system] = {name: _nats(model, images) for name, images in scored.items()}
    rows = [
        [system, name, *_row(found[name], found, bench)]
        for system, found in nats.items()
        for name in sets
    ]
    return Study(
        source="Musings on typicality, section 4.3; Nalisnick et al. 2018, arXiv 1810.09136",
        claim="Models of images of several kinds give simple images more likelihood than those "
        "they were trained for; typicality tells them apart.",
        finding=_finding(rows, nats),
        numbers=[
            Number.mean(f"{system}, {name}", found[name] / VALUES / math.log(2), unit=_UNIT)
            for system, found in nats.items()
            for name in [*sets, "own samples"]
        ],
        tables=[Table(_CAPTION, _COLUMNS, rows)],
        figure=_draw(sets, nats),
    )


_UNIT = "bits a pixel"
_COLUMNS = ["model", "patches", _UNIT, "AUROC of nll", "AUROC of |nll - H|", "rejected"]
_CAPTION = (
    "AUROC against held-out patches of the photograph of the training: 1 finds all as odd. H is"
    f" the mean nll of other held-out patches. Last: share of batches of {TOGETHER} that the"
    " typicality test rejects at level 0.01."
)


def _sets(bench: Bench) -> dict[str, Tensor]:
    usual = patches("china", "test", COUNT, seed=bench.seed + 1)
    return {
        USUAL: usual,
        "another photograph": patches("flower", "test", COUNT, seed=bench.seed + 2),
        "constant": spoil.constant(usual, bench.generator()),
        "half the contrast": spoil.half_contrast(usual),
        "smoothed": spoil.smoothed(usual),
        "uniform noise": spoil.noise(usual, 256, bench.generator()),
    }


def _trained(recipe: Recipe, bench: Bench) -> ExplicitModel:
    with seeded_globally(bench.seed):
        model = registry.build(recipe.system, "small", **GREY_PATCHES, **recipe.settings)
    images = patches("china", "train", TRAINING, seed=bench.seed)
    fitted = fit(
        model,
        {"image": images},
        steps=recipe.steps,
        batch=BATCH,
        learning_rate=recipe.learning_rate,
        seed=bench.seed,
        progress=bench.progress,
    )
    assert isinstance(fitted, ExplicitModel)
    return fitted


def _nats(model: ExplicitModel, images: Tensor) -> np.ndarray:
    with torch.no_grad():
        return -torch.cat([model.log_prob(some) for some in images.split(100)]).double().numpy()


def _row(nats: np.ndarray, found: dict[str, np.ndarray], bench: Bench) -> list[float]:
    """Return mean bits, both AUROCs, and the share of batches that are rejected."""
    usual, reference = found[USUAL], found["reference"]
    entropy = reference.mean()
    test = BatchTypicalityTest(random_state=bench.seed).fit(entropy, -reference)
    together = test.test_many(-bench.rng().choice(nats, (TESTS, TOGETHER)))
    return [
        float(nats.mean()) / VALUES / math.log(2),
        auroc(usual, nats),
        auroc(np.abs(usual - entropy), np.abs(nats - entropy)),
        float(together.reject.mean()),
    ]


def _finding(rows: list[list[Any]], nats: dict[str, dict[str, np.ndarray]]) -> str:
    likelier = _listed([row for row in rows if _is_likelier(nats[row[0]], row[1])])
    missed = _listed([row for row in rows if row[4] < 0.5])
    odd = [row for row in rows if row[1] != USUAL]
    found, lost = (_listed([r for r in odd if (r[5] >= 0.5) == is_found]) for is_found in (1, 0))
    false = ", ".join(f"{row[5]:.2f}" for row in rows if row[1] == USUAL)
    return (
        f"Likelier on average than held-out patches, by more than two standard errors: {likelier}."
        f" Typicality by log p alone does not mend it, because the likelihoods of the photograph"
        f" itself are spread widely, from sky to tiles, and those of odd patches lie among them."
        f" By |nll - H| these are less odd than held-out patches: {missed}. Of batches of"
        f" {TOGETHER} the test rejects more than half for: {found}; fewer for: {lost}. Of held-out"
        f" batches it rejects {false}."
    )


def _is_likelier(found: dict[str, np.ndarray], name: str) -> bool:
    usual, other = found[USUAL], found[name]
    error = math.sqrt(usual.var(ddof=1) / len(usual) + other.var(ddof=1) / len(other))
    return bool(other.mean() < usual.mean() - 2 * error)


def _listed(rows: list[list[Any]]) -> str:
    """Say for which sets something holds, and by which models."""
    holders: dict[str, list[str]] = {}
    for row in rows:
        holders.setdefault(row[1], []).append(TITLES[row[0]])
    every = len(RECIPES)
    words = [n if len(m) == every else f"{n} ({', '.join(m)})" for n, m in holders.items()]
    return ", ".join(words) or "none"


def _draw(sets: dict[str, Tensor], nats: dict[str, dict[str, np.ndarray]]) -> Figure:
    figure, axes = canvas(1, 1 + len(nats), width=10.5, height=4.0)
    shown, *panels = axes[0]
    for row, images in enumerate(sets.values()):
        box = (0, SHOWN, row + 0.45, row - 0.45)
        shown.imshow(_strip(images), vmin=0, vmax=255, extent=box, aspect="auto")
    shown.set_xticks([])
    shown.set_yticks(range(len(sets)), list(sets))
    shown.set_title("Patches, 8 x 8 pixels")
    for panel, (system, found) in zip(panels, nats.items(), strict=True):
        _fill(panel, [found[name] / VALUES / math.log(2) for name in sets])
        panel.set_title(TITLES[system])
    for one in axes[0]:
        one.set_ylim(len(sets) - 0.5, -0.5)
    return figure


def _fill(panel: Any, bits: list[np.ndarray]) -> None:
    for row, values in enumerate(bits):
        jitter = np.linspace(-0.3, 0.3, len(values))
        colour = ORANGE if row else BLUE
        panel.plot(values, row + jitter, ".", color=colour, markersize=1.5)
        panel.plot(values.mean(), row, "|", color=INK, markersize=20)
    panel.axvline(bits[0].mean(), color=GREY, linewidth=0.8, linestyle=":")
    panel.set_yticks([])
    panel.set_xlim(0, 13)
    panel.set_xlabel("bits a pixel (stroke: mean)")


def _strip(images: Tensor) -> np.ndarray:
    """Return some patches side by side, between white columns."""
    framed = np.pad(images[:SHOWN, 0].numpy(), ((0, 0), (0, 0), (0, 1)), constant_values=255)
    return np.concatenate(list(framed), 1)
