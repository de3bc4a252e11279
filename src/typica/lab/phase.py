"""Phase looks random because it counts from where each frame begins; its speed does not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from typica.lab.drawing import canvas
from typica.lab.struck import struck_chords
from typica.lab.study import Bench, Number, Study, Table
from typica.signal.phase import accumulated_phase, instantaneous_frequency, with_phase
from typica.signal.spectrum import HOP, WINDOW, decibels, istft, stft

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE, HERTZ = 16000, 440.0
CELLS = 64  # of a histogram over one turn: 6 bits where all are as frequent
FLOOR_DB = -80.0  # of the picture
LOUD_DB = -40.0  # under the loudest bin of a frame: what is softer is left out


class Row(NamedTuple):
    """What can be said of one sound's phase and instantaneous frequency.

    Attributes:
        sound: What sounds.
        phase_bits: Entropy of the phase in its loud bins, in bits of 6.
        change_bits: Entropy of its change from frame to frame against the change before.
        frequency_bits: Entropy of the instantaneous frequency less that of the frame before.
        error: Largest error of the audio that comes back from instantaneous frequency.
    """

    sound: str
    phase_bits: float
    change_bits: float
    frequency_bits: float
    error: float


def study(bench: Bench) -> Study:
    """Look at phases and at their speeds, in music and in noise."""
    audio = struck_chords(RATE)
    noise = 0.1 * torch.randn(len(audio), generator=bench.generator())
    rows = [_row("struck chords", audio), _row("white noise", noise)]
    music, hiss = rows
    turn = _turn_of_a_sine()
    return Study(
        source="Generating music in the waveform domain; GANSynth, section 2.3",
        claim=(
            "The phase of a spectrum looks random; unwrapped and differenced, as instantaneous "
            "frequency, it shows the same structure as the magnitude."
        ),
        finding=(
            f"Where music is loud its phase has {music.phase_bits:.2f} of 6 bits of entropy, as "
            f"random as noise's {hiss.phase_bits:.2f}, and knowing the frame before helps little "
            f"({music.change_bits:.2f}): each frame turns it by hop times frequency, many times "
            f"around. That turn hardly changes: {music.frequency_bits:.2f} bits. Noise has no "
            f"such frequency ({hiss.frequency_bits:.2f} bits). Nothing is lost: the audio comes "
            f"back to {max(music.error, hiss.error):.0e}."
        ),
        numbers=[
            Number(
                f"turn of {HERTZ:g} Hz in {HOP} samples",
                turn,
                exact=math.remainder(2 * HERTZ * HOP / RATE, 2),
                unit="half turns",
            ),
            Number("phase of music", music.phase_bits, unit="bits"),
            Number("its instantaneous frequency, change", music.frequency_bits, unit="bits"),
        ],
        tables=[
            Table(
                f"Entropy in bits, over {CELLS} cells of a turn, bins within {-LOUD_DB:g} dB",
                ["sound", "phase", "change of phase", "change of frequency", "error of audio"],
                rows,
            )
        ],
        figure=_draw(audio),
    )


def _row(sound: str, audio: Tensor) -> Row:
    spectrum = stft(audio)
    phase, size = spectrum.angle(), spectrum.abs()
    frequency = instantaneous_frequency(phase)
    loud = decibels(size / size.amax(-2, keepdim=True).clamp(min=1e-9)) > LOUD_DB
    loud = (loud[:, 2:] & loud[:, 1:-1])[1:-1]
    changes = {
        "phase": phase[1:-1, 2:] / math.pi,
        "change": phase.diff(dim=-1)[1:-1, 1:] / math.pi,
        "frequency": frequency.diff(dim=-1)[1:-1, 1:],
    }
    bits = {name: _entropy(values[loud]) for name, values in changes.items()}
    again = istft(with_phase(size, accumulated_phase(frequency)), length=len(audio))
    error = float((again - audio).abs().max())
    return Row(sound, bits["phase"], bits["change"], bits["frequency"], error)


def _entropy(half_turns: Tensor) -> float:
    """Return the entropy in bits of values, less whole turns, over cells of one turn."""
    # The first cell lies about 0, not beside it.
    place = torch.remainder(half_turns / 2 * CELLS + 0.5, CELLS).long().clamp(max=CELLS - 1)
    shares = torch.bincount(place, minlength=CELLS).double() / len(place)
    return float(-torch.special.xlogy(shares, shares).sum() / math.log(2))


def _turn_of_a_sine() -> float:
    sine = torch.sin(2 * math.pi * HERTZ * torch.arange(RATE, dtype=torch.float64) / RATE)
    frequency = instantaneous_frequency(stft(sine).angle())
    return float(frequency[round(HERTZ / RATE * WINDOW), 20])


def _draw(audio: Tensor) -> Figure:
    from matplotlib.cm import ScalarMappable

    spectrum = stft(audio)
    top = WINDOW // 8
    level = decibels(spectrum.abs() / float(spectrum.abs().max()), floor_db=FLOOR_DB)[:top]
    phase = spectrum.angle()[:top] / math.pi
    frequency = instantaneous_frequency(spectrum.angle())[:top]
    # What is softer fades: the phase of nothing is rounding.
    heard = (1 - level / FLOOR_DB).sqrt().numpy()
    figure, axes = canvas(1, 3, width=11, height=3.6)
    pictures = (
        ("Magnitude", "dB", level, "magma", (FLOOR_DB, 0), None),
        ("Phase", "half turns", phase, "twilight", (-1, 1), heard),
        ("Instantaneous frequency", "half turns a frame", frequency, "twilight", (-1, 1), heard),
    )
    for axis, (title, unit, picture, colours, ends, alpha) in zip(axes[0], pictures, strict=True):
        axis.set_facecolor("0.5")
        shown = axis.imshow(
            picture.numpy(),
            origin="lower",
            aspect="auto",
            cmap=colours,
            vmin=ends[0],
            vmax=ends[1],
            alpha=alpha,
            interpolation="nearest",
            extent=(0, len(audio) / RATE, 0, top * RATE / WINDOW / 1000),
        )
        scale = ScalarMappable(shown.norm, colours)  # the picture's own has its transparency
        figure.colorbar(scale, ax=axis, shrink=0.8, label=unit)
        axis.set_title(title)
        axis.set_xlabel("seconds")
    axes[0, 0].set_ylabel("kHz")
    return figure
