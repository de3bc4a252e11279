"""Random phase: a recording keeps its harmony and loses its timbre when phases are drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from typica.lab.drawing import BLUE, ORANGE, canvas
from typica.lab.struck import CHORD_S, struck_chords
from typica.lab.study import Bench, Clip, Number, Study, Table
from typica.signal.constant_q import ConstantQ
from typica.signal.griffin_lim import griffin_lim
from typica.signal.loudness import frame_levels_db, peak
from typica.signal.phase import with_phase_of, with_random_phase
from typica.signal.spectrum import convergence_db, decibels, istft, magnitude, stft

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE, ITERATIONS = 16000, 60
WINDOW, HOP = 2048, 512  # fine enough in frequency to tell bass notes apart
LOWEST = 130.8  # hertz: C3
FRAME = 320  # samples: 20 ms, longer than a period of the lowest note
FLOOR_DB = -80.0  # of the picture, under its loudest bin
PEAK = 0.9
RANDOM, FAST = "random phase", "fast Griffin-Lim"


def study(bench: Bench) -> Study:
    """Throw the phase of music away, and put others in its place."""
    audio = struck_chords(RATE)
    variants = _variants(audio, bench)
    figures = {name: _figures(audio, one) for name, one in variants.items()}
    classes = _pitch_classes(audio)
    other = _cosine(classes, classes.roll(-1, -1))
    columns = ["phase", "convergence, dB", "energy kept", "harmony kept", "attacks kept"]
    _, energy, harmony, attacks = figures[RANDOM]
    return Study(
        source="Generating music in the waveform domain, alternatives to modelling waveforms",
        claim=(
            "With random phase the harmony of music is still heard, but not its timbre: much of "
            "what is heard lies in the phase."
        ),
        finding=(
            f"With random phases the twelve pitch classes of each chord stay nearly as they were "
            f"(cosine {harmony:.3f}; with the next chord's {other:.3f}), and the rises in level "
            f"that make attacks do not (cosine {attacks:.2f}): they are smeared over a "
            f"window of {WINDOW / RATE * 1000:.0f} ms. "
            f"{energy:.0%} of the energy is left, because overlapping frames no longer agree. "
            f"Griffin-Lim finds phases that agree: attacks {figures[FAST][3]:.2f}. The clips are "
            f"brought to one level."
        ),
        numbers=[
            # Of a steady sound: frames add incoherently, 0.375 / 1.5 with Hann windows at 75 %.
            Number("energy kept with random phase", energy, exact=0.25),
            Number("harmony kept with random phase", harmony, unit="cosine"),
            Number("harmony of the next chord", other, unit="cosine"),
            Number("attacks kept with random phase", attacks, unit="cosine"),
        ],
        tables=[
            Table(
                f"Three seconds of struck chords, windows of {WINDOW}, hop {HOP}, {RATE} Hz",
                columns,
                [[name, *values] for name, values in figures.items()],
            )
        ],
        figure=_draw(audio, variants[RANDOM]),
        clips=_clips(variants),
    )


def _clips(variants: dict[str, Tensor]) -> list[Clip]:
    """Return all at one level, the highest at which none is clipped: louder sounds better."""
    alike = {name: one / one.square().mean().sqrt() for name, one in variants.items()}
    gain = PEAK / max(float(peak(one)) for one in alike.values())
    return [Clip(name, gain * one, RATE) for name, one in alike.items()]


def _variants(audio: Tensor, bench: Bench) -> dict[str, Tensor]:
    """Return audio of the same magnitudes, by the name of its phase."""
    spectrum, length = stft(audio, window=WINDOW, hop=HOP), len(audio)
    magnitudes = spectrum.abs()
    spectra = {
        "its own phase": with_phase_of(magnitudes, spectrum),
        RANDOM: with_random_phase(magnitudes, generator=bench.generator()),
        "zero phase": magnitudes + 0j,
    }
    found = {
        name: istft(one, length=length, window=WINDOW, hop=HOP) for name, one in spectra.items()
    }
    for name, momentum in (("Griffin-Lim", 0.0), (FAST, 0.99)):
        found[name] = griffin_lim(
            magnitudes,
            length=length,
            window=WINDOW,
            hop=HOP,
            iterations=ITERATIONS,
            momentum=momentum,
            generator=bench.generator(),
        )
    return found


def _figures(audio: Tensor, heard: Tensor) -> tuple[float, float, float, float]:
    """Return convergence, energy, and the likeness of harmony and of attacks."""
    convergence = convergence_db(heard, _magnitude(audio), window=WINDOW, hop=HOP)
    energy = heard.square().sum() / audio.square().sum()
    return (
        float(convergence),
        float(energy),
        _cosine(_pitch_classes(audio), _pitch_classes(heard)),
        _cosine(_rises(audio), _rises(heard)),
    )


def _magnitude(audio: Tensor) -> Tensor:
    return magnitude(audio, window=WINDOW, hop=HOP)


def _pitch_classes(audio: Tensor) -> Tensor:
    """Return the strength of each pitch class in each chord, shape (12, chords)."""
    transform = ConstantQ(RATE, per_octave=12, lowest=LOWEST)
    bins = transform.encode(audio).abs()[1 : transform.bins // 12 * 12 + 1]
    power = bins.square().unflatten(0, (-1, 12)).sum(0)
    chord = round(CHORD_S * RATE / transform.hop)
    whole = power.shape[-1] // chord * chord
    return power[:, :whole].unflatten(-1, (-1, chord)).mean(-1).sqrt()


def _rises(audio: Tensor) -> Tensor:
    """Return by how many decibels the level rises from one 20 ms to the next, else 0."""
    return frame_levels_db(audio, frame=FRAME).clamp(min=-60).diff().clamp(min=0)


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))


def _draw(audio: Tensor, scattered: Tensor) -> Figure:
    figure, axes = canvas(2, 2, width=10.2, height=5.2)
    loudest = float(_magnitude(audio).max())
    rows = (("its own phase", audio, BLUE), (RANDOM, scattered, ORANGE))
    for row, (name, one, colour) in zip(axes, rows, strict=True):
        shown = row[0].imshow(
            decibels(_magnitude(one) / loudest, floor_db=FLOOR_DB).numpy(),
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=FLOOR_DB,
            vmax=0,
            extent=(0, len(one) / RATE, 0, RATE / 2000),
        )
        figure.colorbar(shown, ax=row[0], shrink=0.8, label="dB")
        row[0].set_ylabel("kHz")
        row[0].set_title(f"Magnitude, {name}")
        middle = slice(round(0.65 * RATE), round(0.95 * RATE))
        row[1].plot(torch.arange(len(one))[middle] / RATE, one[middle], color=colour, linewidth=0.6)
        row[1].set_ylim(-1, 1)
        row[1].set_title(f"The second chord's attack, {name}")
    for axis in axes[1]:
        axis.set_xlabel("seconds")
    return figure
