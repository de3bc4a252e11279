"""Sampling rates, bits and mu-law: what is lost on the way from sound to numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor

from typica.lab.drawing import BLUE, GREEN, INK, ORANGE, canvas
from typica.lab.struck import struck_chords
from typica.lab.study import Bench, Clip, Number, Study, Table
from typica.signal.loudness import level_db
from typica.signal.quantisation_noise import noise_table, quantised, signal_to_noise_db
from typica.signal.quantise import QuantiserName, quantiser
from typica.signal.resample import resample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE = 48000
RATES = (32000, 22050, 16000, 8000, 4000)
BITS = (4, 6, 8, 10, 12, 14, 16)
SINE_DB = -10 * math.log10(2)  # level of a full-scale sine
LEVELS_DB = tuple(range(0, -61, -10))
SOFT_DB = -20.0
KINDS: tuple[tuple[QuantiserName, int], ...] = (("mulaw", 8), ("linear", 8), ("linear", 16))


def study(bench: Bench) -> Study:
    """Measure what rates and levels take from music and from sines."""
    music = struck_chords(RATE)
    rates = [[rate, _after_rate(music, rate)] for rate in RATES]
    names: tuple[QuantiserName, ...] = ("linear", "mulaw")
    bits = [[count, *(_after_bits(music, name, count) for name in names)] for count in BITS]
    theory = [_uniform_db(count, float(level_db(music))) for count in BITS]
    figures = noise_table(KINDS, LEVELS_DB)
    levels: dict[str, list[float]] = {}
    for one in figures:
        levels.setdefault(one.name, []).append(one.ratio_db)
    mulaw, linear, fine = levels.values()
    return Study(
        source="Generating music in the waveform domain, on digital audio",
        claim=(
            "Audio is made discrete in time and in amplitude; mu-law spends its 256 levels where "
            "the ear is fine, and makes 8 bits do for what would need more."
        ),
        finding=(
            f"A bit is worth 6 dB, and on a linear scale each 10 dB of softness cost 10 dB: an "
            f"8-bit sine at -40 dB has {linear[4]:.1f} dB left. In mu-law it has {mulaw[4]:.1f} "
            f"dB, for its {mulaw[0]:.1f} dB at full scale: as many as {_equal_bits(mulaw[4]):.1f} "
            f"linear bits would give it there. By way of {RATES[2]} Hz the music keeps "
            f"{rates[2][1]:.1f} dB, of {RATES[3]} Hz {rates[3][1]:.1f} dB."
        ),
        numbers=[
            # For errors that are uniform over a step, and a sine of full scale.
            Number(
                "linear, 8 bits, full scale", linear[0], exact=_uniform_db(8, SINE_DB), unit="dB"
            ),
            Number(
                "linear, 16 bits, full scale", fine[0], exact=_uniform_db(16, SINE_DB), unit="dB"
            ),
            Number("linear, 8 bits, -40 dB", linear[4], unit="dB"),
            Number("mu-law, 8 bits, full scale", mulaw[0], unit="dB"),
            Number("mu-law, 8 bits, -40 dB", mulaw[4], unit="dB"),
        ],
        tables=[
            Table(
                "Signal-to-noise ratio of a sine of 997 Hz in dB, by its level",
                ["level, dB", *levels],
                [list(row) for row in zip(LEVELS_DB, *levels.values(), strict=True)],
            ),
            Table(
                "Struck chords by bits, dB; in theory, where errors are uniform over a linear step",
                ["bits", "linear", "mu-law", "linear in theory"],
                [[*row, exact] for row, exact in zip(bits, theory, strict=True)],
            ),
            Table(f"Struck chords of {RATE} Hz, by another rate and back", ["Hz", "dB"], rates),
        ],
        figure=_draw(levels, bits, theory, rates),
        clips=_clips(music),
    )


def _clips(music: Tensor) -> list[Clip]:
    """Return music, by 8 kHz, and soft by 8 bits of either kind, where they differ most."""
    soft = music * 10 ** (SOFT_DB / 20)
    kinds: tuple[QuantiserName, ...] = ("linear", "mulaw")
    heard = {f"{name} 8 bits": quantised(soft, quantiser(name, 8)) for name in kinds}
    return [
        Clip("as it was", music, RATE),
        *(Clip(name, one * 10 ** (-SOFT_DB / 20), RATE) for name, one in heard.items()),
        Clip("8 kHz", resample(music, RATE, 8000), 8000),
    ]


def _after_rate(audio: Tensor, rate: int) -> float:
    """Return the signal-to-noise ratio after going to a rate and back."""
    back = resample(resample(audio, RATE, rate), rate, RATE)[: len(audio)]
    return float(signal_to_noise_db(audio[: len(back)], back))


def _after_bits(audio: Tensor, name: QuantiserName, bits: int) -> float:
    return float(signal_to_noise_db(audio, quantised(audio, quantiser(name, bits))))


def _uniform_db(bits: float, level_db: float) -> float:
    """Return what linear bits leave of sound, where errors are uniform: 2^-bits / sqrt(3) each.

    For a sine of full scale, 6.02 bits + 1.76 dB.
    """
    return level_db + 20 * math.log10(2) * bits + 10 * math.log10(3)


def _equal_bits(ratio_db: float, level_db: float = -40.0) -> float:
    """Return the linear bits that give a sine of some level under full scale a ratio."""
    return (ratio_db - _uniform_db(0, SINE_DB + level_db)) / (20 * math.log10(2))


def _draw(
    levels: dict[str, list[float]],
    bits: list[list[float]],
    theory: list[float],
    rates: list[list[float]],
) -> Figure:
    figure, axes = canvas(1, 3, width=11, height=3.4)
    left, middle, right = axes[0]
    for (name, ratios), colour in zip(levels.items(), (ORANGE, BLUE, GREEN), strict=True):
        left.plot(LEVELS_DB, ratios, "o-", color=colour, label=name)
    left.set_title("A sine")
    left.set_xlabel("its level under full scale, dB")
    left.set_ylabel("signal to noise, dB")
    left.legend()
    for column, name, colour in ((1, "linear", BLUE), (2, "mu-law", ORANGE)):
        middle.plot(BITS, [row[column] for row in bits], "o-", color=colour, label=name)
    middle.plot(BITS, theory, "--", color=INK, linewidth=1, label="linear, in theory")
    middle.set_title("Struck chords, by bits")
    middle.set_xlabel("bits")
    middle.legend()
    right.plot([row[0] / 1000 for row in rates], [row[1] for row in rates], "o-", color=INK)
    right.set_title(f"Struck chords of {RATE // 1000} kHz, by a lower rate")
    right.set_xlabel("kHz")
    return figure
