"""Greedy decoding of a WaveNet: what it plays when it always takes the likeliest level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from typica.core.model import AutoregressiveModel
from typica.core.randomness import draw
from typica.lab.drawing import BLUE, ORANGE, canvas
from typica.lab.sounds import LENGTH, RATE, sounds, trained
from typica.lab.study import Bench, Number, Study, Table
from typica.typicality.martingale import martingale_score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIPS, PRIMING = 12, 400  # samples of sound to go on from
SILENT = 0.01  # rms


class Played(NamedTuple):
    """Continuations: audio (count, 1, time), and the bits a sample that they cost the model."""

    audio: Tensor
    bits: Tensor


def study(bench: Bench) -> Study:
    """Play on greedily and by drawing, from silence and from sounds."""
    model = trained(bench)
    prompts = sounds(CLIPS, PRIMING, bench.rng()).audio
    silence = torch.zeros(CLIPS, 1, PRIMING)
    played = {
        f"{how} after {what}": _play(model, prompt, how, bench)
        for what, prompt in (("silence", silence), ("sounds", prompts))
        for how in ("greedy", "drawn")
    }
    silent = {name: _silent(one.audio) for name, one in played.items()}
    greedy, drawn = silent["greedy after sounds"], silent["drawn after sounds"]
    rows = [
        [name, _rms(one.audio).mean().item(), silent[name], one.bits.mean().item()]
        for name, one in played.items()
    ]
    return Study(
        source="Musings on typicality, section 1",
        claim="Picking the likeliest value at each step of a WaveNet gives complete silence.",
        finding=(
            f"From silence, greedy decoding stays silent. Primed with sound, {greedy:.0%} of "
            f"greedy continuations end silent, and {drawn:.0%} of drawn ones: greed is "
            f"calmer and costs fewer bits. It is a property of this model, no theorem: the "
            f"likeliest next level of a steady tone is the tone's."
        ),
        numbers=[
            Number("greedy from silence, share that is silent", silent["greedy after silence"]),
            Number("greedy after sounds, share that ends silent", greedy),
            Number("drawn after sounds, share that ends silent", drawn),
        ],
        tables=[
            Table(
                f"{CLIPS} continuations of {LENGTH} samples; silent: the last half has an rms "
                f"below {SILENT}",
                ["decoding", "rms", "share silent", "bits a sample"],
                rows,
            )
        ],
        figure=_draw(played),
    )


@torch.no_grad()
def _play(model: AutoregressiveModel, prompt: Tensor, how: str, bench: Bench) -> Played:
    """Go on from a prompt, (count, 1, time)."""
    generator = bench.generator()
    past = model.symbols(prompt)
    state = model.start(len(past))
    first = torch.full_like(past[:, :1], model.initial)
    distribution, state = model.advance(torch.cat([first, past], 1), state)
    symbols = []
    for _ in range(LENGTH):
        logits = distribution.logits[:, -1]  # type: ignore[attr-defined]
        greedy = how == "greedy"
        symbol = logits.argmax(-1) if greedy else draw(distribution, generator)[:, -1]
        symbols.append(symbol)
        distribution, state = model.step(symbol, state)
    audio = model.render(torch.stack(symbols, 1))
    whole, before = (
        martingale_score(model, torch.cat([prompt, audio], -1)),
        martingale_score(model, prompt),
    )
    nats = -(whole.log_prob - before.log_prob)
    return Played(audio, nats / LENGTH / math.log(2))


def _rms(audio: Tensor) -> Tensor:
    return audio[:, 0].square().mean(-1).sqrt()


def _silent(audio: Tensor) -> float:
    return (_rms(audio[..., LENGTH // 2 :]) < SILENT).double().mean().item()


def _draw(played: dict[str, Played]) -> Figure:
    figure, axes = canvas(len(played), 1, width=7.4, height=6.4)
    time = torch.arange(LENGTH) / RATE
    for axis, (name, one) in zip(axes[:, 0], played.items(), strict=True):
        colour = ORANGE if name.startswith("greedy") else BLUE
        for row, number in enumerate(range(0, CLIPS, 3)):
            axis.plot(time, one.audio[number, 0] - 1.2 * row, color=colour, linewidth=0.6)
        axis.set_title(f"{name}: every third of {CLIPS}")
        axis.set_yticks([])
    axes[-1, 0].set_xlabel("seconds")
    return figure
