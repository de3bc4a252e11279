"""Temperature muffles noise: sampling below one takes the breath out of noisy sounds first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from typica.decoding.sampling import draw_samples
from typica.lab.drawing import BLUE, GREEN, ORANGE, canvas
from typica.lab.sounds import RATE, segment, trained
from typica.lab.study import Bench, Number, Study, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = (1.0, 0.9, 0.8, 0.7, 0.5)
PRIMING, LENGTH, CLIPS = 200, 160, 32  # samples of a held sound, and of its continuation


def study(bench: Bench) -> Study:
    """Go on from the middle of noises and of tones at several temperatures."""
    model = trained(bench)
    prompts = {kind: _held(kind, bench.rng()) for kind in ("noise", "tone")}
    air: dict[str, list[float]] = {}
    crossings: dict[str, list[float]] = {}
    for kind, prompt in prompts.items():
        for temperature in TEMPERATURES:
            audio = draw_samples(
                model,
                CLIPS,
                LENGTH,
                temperature=temperature,
                prompt=prompt,
                generator=bench.generator(),
            ).audio
            air.setdefault(kind, []).append(_air_db(audio))
            crossings.setdefault(kind, []).append(_crossings(audio))
    rows = [
        [temperature, *(figures[kind][i] for figures in (air, crossings) for kind in prompts)]
        for i, temperature in enumerate(TEMPERATURES)
    ]
    noise, tone = (air[kind][3] - air[kind][0] for kind in ("noise", "tone"))
    share = crossings["noise"][3] / crossings["noise"][0] - 1
    return Study(
        source="Musings on typicality, section 1, and Generating music, section 2.3",
        claim="Sampling at a low temperature muffles the noisy sounds: fricatives lose their air.",
        finding=(
            f"From temperature 1 to 0.7 continuations of noise change by {noise:+.1f} dB above "
            f"1 kHz, and their sign changes by {share:+.0%}: they are muffled. Continuations of "
            f"tones change by {tone:+.1f} dB: there it is the model's own noise that goes. All "
            f"that a model cannot predict lives in the spread of its steps, which temperature "
            f"narrows, whether it belongs to the sound or not."
        ),
        numbers=[
            Number("noise above 1 kHz, temperature 0.7 against 1", noise, unit="dB"),
            Number("tones above 1 kHz, temperature 0.7 against 1", tone, unit="dB"),
        ],
        tables=[
            Table(
                f"{CLIPS} continuations of {LENGTH / RATE * 1000:.0f} ms",
                [
                    "temperature",
                    "noise above 1 kHz, dB",
                    "tone above 1 kHz, dB",
                    "noise, crossings a s",
                    "tone, crossings a s",
                ],
                rows,
            )
        ],
        figure=_draw(air, crossings),
    )


def _held(kind: str, rng: np.random.Generator) -> Tensor:
    """Return the middles of segments of one kind, (CLIPS, 1, PRIMING)."""
    segments = [segment(kind, 600, rng)[100 : 100 + PRIMING] for _ in range(CLIPS)]
    return torch.from_numpy(np.stack(segments).astype(np.float32))[:, None]


def _air_db(audio: Tensor) -> float:
    """Return the level of what lies above a quarter of the rate, in decibels of full scale."""
    spectrum = torch.fft.rfft(audio[:, 0] * torch.hann_window(audio.shape[-1]))
    power = spectrum.abs().square()[:, spectrum.shape[-1] // 2 :].sum(-1).mean()
    return 10 * math.log10(float(power) / audio.shape[-1] ** 2 + 1e-12)


def _crossings(audio: Tensor) -> float:
    """Return how often a second the sign changes."""
    signs = audio[:, 0] > 0
    return float((signs[:, 1:] != signs[:, :-1]).double().mean() * RATE)


def _draw(air: dict[str, list[float]], crossings: dict[str, list[float]]) -> Figure:
    figure, axes = canvas(1, 2, width=7.6, height=3.2)
    for axis, figures, label in (
        (axes[0, 0], air, "level above 1 kHz, dB"),
        (axes[0, 1], crossings, "sign changes a second"),
    ):
        for (kind, values), colour in zip(figures.items(), (ORANGE, BLUE, GREEN), strict=False):
            axis.plot(TEMPERATURES, values, "o-", color=colour, label=f"continued {kind}")
        axis.set_xlabel("temperature")
        axis.set_ylabel(label)
    axes[0, 0].legend()
    return figure
