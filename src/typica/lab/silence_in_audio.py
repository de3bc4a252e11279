"""The likelihood trap in audio: a model of lively sounds finds silence and plain tones likelier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from typica.lab.drawing import BLUE, GREY, ORANGE, canvas
from typica.lab.measure import auroc
from typica.lab.sounds import BITS, LENGTH, RATE, sounds, trained
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.martingale import Martingale, martingale_score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIPS = 60


def study(bench: Bench) -> Study:
    """Score sounds that the model knows, and sounds that it does not."""
    model = trained(bench)
    kinds = _kinds(bench.rng())
    with torch.no_grad():
        ends = {name: martingale_score(model, audio) for name, audio in kinds.items()}
    bits = {name: _bits(end) for name, end in ends.items()}
    usual = "sounds like those heard"
    table = Table(
        "Scored by a small WaveNet. AUROC against sounds like those heard: 1 finds all as odd.",
        ["sounds", "bits a sample", "mean z", "AUROC of nll", "AUROC of |z|"],
        [
            [name, bits[name].mean(), ends[name].z.mean().item(), *_aurocs(ends[usual], ends[name])]
            for name in kinds
        ],
    )
    return Study(
        source="Musings on typicality, section 4.3, and Generating music, section 2.2",
        claim="Models of sound give more likelihood to silence than to the sound they have heard.",
        finding=_finding(bits, ends, usual),
        numbers=[Number.mean(name, found, unit="bits a sample") for name, found in bits.items()],
        tables=[table],
        figure=_draw(bits, ends),
    )


def _kinds(rng: np.random.Generator) -> dict[str, Tensor]:
    time = np.arange(LENGTH) / RATE
    tones = [0.3 * np.sin(2 * np.pi * hertz * time) for hertz in rng.uniform(100, 500, CLIPS)]
    noise = 0.2 * rng.standard_normal((CLIPS, LENGTH))
    made = {"pure tones": np.stack(tones), "white noise": noise}
    silence = {"digital silence": torch.zeros(1, 1, LENGTH)}
    uniform = {"uniform levels": rng.uniform(-1, 1, (CLIPS, LENGTH))}
    arrays = {
        name: torch.from_numpy(one.clip(-1, 1).astype(np.float32))[:, None]
        for name, one in (made | uniform).items()
    }
    return {"sounds like those heard": sounds(CLIPS, LENGTH, rng).audio} | silence | arrays


def _bits(end: Martingale) -> np.ndarray:
    return (-end.log_prob / LENGTH / math.log(2)).numpy()


def _aurocs(usual: Martingale, odd: Martingale) -> list[float]:
    """Return how well the likelihood, and the martingale, tell odd sounds from usual ones."""
    pairs = [(-usual.log_prob, -odd.log_prob), (usual.z.abs(), odd.z.abs())]
    return [auroc(one.numpy(), other.numpy()) for one, other in pairs]


def _finding(bits: dict[str, np.ndarray], ends: dict[str, Martingale], usual: str) -> str:
    silence, own = bits["digital silence"].mean(), bits[usual].mean()
    z = ends["digital silence"].z.item()
    return (
        f"Silence costs {silence:.2f} bits a sample and the sounds that the model was trained for "
        f"{own:.2f}: a threshold on the likelihood calls it the most normal of all. Its "
        f"martingale ends at z = {z:.1f}: negative, because silence is more predictable than "
        f"even the model expects, which a two-sided test sees where it is far enough from 0."
    )


def _draw(bits: dict[str, np.ndarray], ends: dict[str, Martingale]) -> Figure:
    figure, axes = canvas(1, 2, width=9.6, height=3.4)
    left, right = axes[0]
    for row, name in enumerate(bits):
        jitter = np.linspace(-0.25, 0.25, len(bits[name]))
        colour = BLUE if row == 0 else ORANGE
        left.plot(bits[name], row + jitter, ".", color=colour, markersize=4)
        right.plot(ends[name].z, row + jitter, ".", color=colour, markersize=4)
    left.set_yticks(range(len(bits)), list(bits))
    right.set_yticks(range(len(bits)), [""] * len(bits))
    for one in (left, right):
        one.invert_yaxis()
    left.set_xlabel(f"bits a sample ({1 << BITS} mu-law levels)")
    left.set_title("Likelihood")
    right.axvspan(-2.6, 2.6, color=GREY, alpha=0.2, linewidth=0)
    right.set_xscale("symlog", linthresh=5)
    right.set_xticks(
        [-30, -10, -3, 0, 3, 10, 30, 100], ["-30", "-10", "-3", "0", "3", "10", "30", "100"]
    )
    right.set_xlabel("z of the martingale (shaded: 99 % of own samples)")
    right.set_title("Typicality")
    return figure
