"""The panels of a recording's picture: each draws one view of it over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.data.excerpt import Excerpt
from typica.evaluation.figures import FAINT, INK, MODEL
from typica.evaluation.views.analysis import MASK_DB, PER_OCTAVE, Analysis
from typica.evaluation.views.axes import (
    COLUMNS,
    MASKED,
    Span,
    add_scale,
    blank,
    decibel_scale,
    decibel_ticks,
    frames_span,
    hertz_of,
    marked_pitches,
    note_name,
    pitch_of,
    pooled,
    show_picture,
    shown_rows,
    thinned,
    write_inside,
    write_title,
)
from typica.signal.mel import hertz_to_mel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANES = ("left", "right")
OF_SINE = "dB of a full-scale sine"
LEVEL_RANGE_DB = 60.0
CELLS = 256  # of frequency, in the picture of instantaneous frequency
NEARLY_ALL = 0.98
LEAST_HERTZ = 1000.0  # that phases are shown up to
TOO_SOFT = "nothing sounds"
C1 = 24


class Subject(NamedTuple):
    """What a panel looks at.

    Attributes:
        excerpt: The stretch of the recording.
        analysis: Of the mean of its channels.
    """

    excerpt: Excerpt
    analysis: Analysis

    @property
    def start_s(self) -> float:
        """Where the stretch begins in the file."""
        return self.excerpt.start_s


class Panel(NamedTuple):
    """A panel.

    Attributes:
        draw: Draws it.
        height: In inches.
    """

    draw: Callable[[Axes, Subject], None]
    height: float


def draw_waveform(axes: Axes, subject: Subject) -> None:
    """Draw amplitudes over time: each channel in a lane of its own."""
    channels = subject.excerpt.channels
    peak = float(np.abs(channels).max())
    lane = 2.1 * peak if peak else 2.0
    for number, channel in enumerate(channels):
        _draw_channel(axes, channel, subject, -number * lane)
    axes.set_ylim(-(len(channels) - 0.5) * lane, 0.5 * lane)
    if len(channels) == 1:
        write_title(axes, "Waveform", f"peak {peak:.3g} of full scale")
        return
    axes.set_yticks([-number * lane for number in range(len(channels))], _lane_names(channels))
    axes.tick_params(axis="y", length=0)
    count = subject.excerpt.channel_count
    first = "" if len(channels) == count else f"the first {len(channels)} of "
    write_title(axes, "Waveform", f"{first}{count} channels, peak {peak:.3g} of full scale")


def _lane_names(channels: np.ndarray) -> list[str]:
    return list(LANES) if len(channels) == 2 else [str(n + 1) for n in range(len(channels))]


def _draw_channel(axes: Axes, channel: np.ndarray, subject: Subject, middle: float) -> None:
    rate = subject.excerpt.rate
    group = math.ceil(len(channel) / (2 * COLUMNS))
    if group == 1:
        time_s = subject.start_s + np.arange(len(channel)) / rate
        few: dict[str, Any] = {"marker": ".", "markersize": 4} if len(channel) < 100 else {}
        axes.plot(time_s, middle + channel, color=MODEL, linewidth=0.8, **few)
        return
    # Of each column the lowest and the highest: a sample drawn between them changes nothing.
    filled = np.pad(channel, (0, -len(channel) % group), mode="edge").reshape(-1, group)
    time_s = subject.start_s + (np.arange(len(filled)) + 0.5) * group / rate
    low, high = middle + filled.min(1), middle + filled.max(1)
    axes.fill_between(time_s, low, high, color=MODEL, linewidth=0.4)


def draw_magnitude(axes: Axes, subject: Subject) -> None:
    """Draw the magnitude of the short-time spectrum."""
    analysis = subject.analysis
    levels = analysis.magnitude_db
    span, rows = _frames(subject, levels), _bins(analysis, len(levels))
    _show_levels(axes, pooled(levels), span, rows, decibel_scale(levels))
    _finish_hertz(axes, analysis.rate / 2)
    write_title(axes, "Magnitude", f"Hann window {_sizes(analysis)}")


def draw_phase(axes: Axes, subject: Subject) -> None:
    """Draw the phase where something sounds, in colours that go round as angles do."""
    analysis = subject.analysis
    top = _highest_loud(analysis)
    seen = slice(math.ceil(top * analysis.sizes.window / analysis.rate) + 1)
    phase = torch.where(analysis.loud, analysis.phase / math.pi, blank())[seen]
    span, rows = _frames(subject, phase), _bins(analysis, len(phase))
    axes.set_facecolor(MASKED)
    show_picture(
        axes,
        thinned(phase),
        seconds=span,
        rows=rows,
        scale=(-1, 1),
        colours="twilight",
        label="half turns",
        ticks=(-1, 0, 1),
    )
    _finish_hertz(axes, top)
    write_title(
        axes, "Phase", f"against each bin's own frequency, within {-MASK_DB:g} dB of the loudest"
    )
    if not bool(analysis.loud.any()):
        write_inside(axes, TOO_SOFT)


def draw_frequency(axes: Axes, subject: Subject) -> None:
    """Draw how loud each instantaneous frequency is: partials become lines."""
    analysis = subject.analysis
    top = _highest_loud(analysis)
    cells = frequency_cells(analysis, top)
    hop_s = analysis.sizes.hop / analysis.rate
    span = frames_span(subject.start_s, cells.shape[-1], hop_s, offset_s=hop_s / 2)
    scale = decibel_scale(analysis.magnitude_db)
    axes.set_facecolor("black")
    if cells.shape[-1]:
        _show_levels(axes, _blank_silence(pooled(cells)), span, (0, top / 1000), scale)
    _finish_hertz(axes, top)
    write_title(axes, "Instantaneous frequency", f"of bins within {-MASK_DB:g} dB of the loudest")
    if not bool(analysis.frequency_is_known.any()):
        write_inside(axes, TOO_SOFT if cells.shape[-1] else "too short to tell")


def frequency_cells(analysis: Analysis, top: float) -> Tensor:
    """Return the level in decibels at each instantaneous frequency from 0 to `top` hertz.

    Each bin that is loud enough counts at the frequency that its phase turns by, not at its own.

    Returns:
        Shape (`CELLS`, frames - 1); -inf where nothing is.
    """
    frequency, known = analysis.frequency, analysis.frequency_is_known
    cell = (frequency / top * CELLS).floor().long()
    inside = known & (cell >= 0) & (cell < CELLS)
    level = torch.where(inside, analysis.magnitude_db[:, 1:], -math.inf)
    cells = torch.full((CELLS, frequency.shape[-1]), -math.inf)
    return cells.scatter_reduce(0, cell.clamp(0, CELLS - 1), level, "amax")


def _blank_silence(cells: Tensor) -> Tensor:
    return torch.where(cells.isfinite(), cells, blank())


def draw_mel(axes: Axes, subject: Subject) -> None:
    """Draw the mel spectrum."""
    analysis = subject.analysis
    levels = analysis.mel_db
    half = torch.tensor([analysis.rate / 2], dtype=torch.float64)
    step = float(hertz_to_mel(half)) / (analysis.bands + 1)
    rows = step / 2, step * (analysis.bands + 0.5)
    span, scale = _frames(subject, levels), decibel_scale(levels)
    _show_levels(axes, pooled(levels), span, rows, scale, label="dB of the loudest")
    marks = [hertz for hertz in MEL_MARKS if hertz < analysis.rate / 2]
    mels = hertz_to_mel(torch.tensor(marks, dtype=torch.float64))
    axes.set_yticks(mels.tolist(), [f"{hertz / 1000:g}" for hertz in marks])
    axes.set_ylim(rows)
    axes.set_ylabel("kHz")
    write_title(axes, "Mel", f"{analysis.bands} bands (Slaney), window {_sizes(analysis)}")


MEL_MARKS = (500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0, 32000.0, 64000.0)


def draw_constant_q(axes: Axes, subject: Subject) -> None:
    """Draw the constant-Q spectrum, its axis in notes."""
    analysis = subject.analysis
    levels, transform = analysis.constant_q_db, analysis.transform
    span = frames_span(subject.start_s, levels.shape[-1], transform.hop / transform.rate)
    _show_levels(axes, pooled(levels), span, (-0.5, len(levels) - 0.5), decibel_scale(levels))
    octaves = range(0, len(levels), PER_OCTAVE)
    names = [note_name(C1 + 12 * number) for number in range(len(octaves))]
    axes.set_yticks(list(octaves), names)
    axes.set_ylim(-0.5, len(levels) - 0.5)
    hop_ms = 1000 * transform.hop / transform.rate
    write_title(axes, "Constant-Q", f"{PER_OCTAVE} bins an octave from C1, hop {hop_ms:.2g} ms")


def draw_pitch(axes: Axes, subject: Subject) -> None:
    """Draw the pitch, the surer the darker."""
    from matplotlib.colors import LinearSegmentedColormap

    track = subject.analysis.pitch
    sureness = LinearSegmentedColormap.from_list("sureness", ["#f1f3f6", "#b9cdf3", MODEL, INK])
    points = axes.scatter(
        (subject.start_s + track.time_s).numpy(),
        track.hertz.numpy(),
        c=track.confidence.numpy(),
        s=6,
        cmap=sureness,
        vmin=0,
        vmax=1,
        linewidths=0,
    )
    low, high = _pitch_range(track.hertz[track.voiced])
    axes.set_yscale("log")
    axes.set_ylim(hertz_of(low), hertz_of(high))
    marks = marked_pitches(low, high)
    names = [f"{note_name(mark)}  {hertz_of(mark):.0f}" for mark in marks]
    axes.set_yticks([hertz_of(mark) for mark in marks], names)
    axes.minorticks_off()
    axes.grid(axis="y", color=MASKED, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_ylabel("note, Hz")
    add_scale(axes, points, "confidence", (0, 0.5, 1))
    write_title(
        axes, "Pitch", f"of one voice, by {track.tracker}; voiced from {track.voiced_from:g}"
    )
    if not bool(track.voiced.any()):
        write_inside(axes, "no pitch found")


def _pitch_range(hertz: Tensor) -> tuple[float, float]:
    """Return MIDI pitches that hold all frequencies with a tone to spare: an octave at least."""
    if not len(hertz):
        return pitch_of(50), pitch_of(1000)
    low, high = pitch_of(float(hertz.min())) - 2, pitch_of(float(hertz.max())) + 2
    spare = max(0.0, 12 - (high - low)) / 2
    return low - spare, high + spare


def draw_loudness(axes: Axes, subject: Subject) -> None:
    """Draw the A-weighted level of each frame."""
    analysis = subject.analysis
    levels = analysis.loudness_db.numpy()
    hop_s = analysis.sizes.hop / analysis.rate
    time_s = subject.start_s + np.arange(len(levels)) * hop_s
    top = 5 * math.ceil((max(float(levels.max()), -60.0) + 1) / 5)
    lowest = 5 * math.floor((float(levels.min()) - 1) / 5)
    bottom = max(top - LEVEL_RANGE_DB, min(lowest, top - LEVEL_RANGE_DB / 3))
    few: dict[str, Any] = {"marker": "."} if len(levels) < 30 else {}
    axes.plot(time_s, levels, color=MODEL, linewidth=1, **few)
    axes.fill_between(time_s, levels, bottom, color=MODEL, alpha=0.15, linewidth=0)
    axes.set_ylim(bottom, top)
    step = 10 if top - bottom <= 40 else 20
    axes.set_yticks(np.arange(step * math.ceil(bottom / step), top + 1, step))
    axes.set_ylabel("dBFS (A)")
    lufs = analysis.lufs
    told = f"; integrated {lufs:.1f} LUFS" if math.isfinite(lufs) else ""
    write_title(axes, "Loudness", f"A-weighted level of each frame{told}")
    if math.isfinite(lufs):
        return
    write_inside(axes, TOO_SOFT if not analysis.peak else "too soft for an integrated loudness")


PANELS: Mapping[str, Panel] = {
    "waveform": Panel(draw_waveform, 1.0),
    "loudness": Panel(draw_loudness, 1.0),
    "magnitude": Panel(draw_magnitude, 1.9),
    "mel": Panel(draw_mel, 1.9),
    "phase": Panel(draw_phase, 2.4),
    "frequency": Panel(draw_frequency, 2.4),
    "constant-q": Panel(draw_constant_q, 2.1),
    "pitch": Panel(draw_pitch, 2.1),
}


def _show_levels(
    axes: Axes,
    levels: Tensor,
    span: Span,
    rows: tuple[float, float],
    scale: tuple[float, float],
    label: str = OF_SINE,
) -> None:
    show_picture(
        axes,
        levels,
        seconds=span,
        rows=rows,
        scale=scale,
        colours="magma",
        label=label,
        ticks=decibel_ticks(scale),
    )


def _frames(subject: Subject, picture: Tensor) -> Span:
    """Return the edges of a picture of frames of the short-time spectrum."""
    analysis = subject.analysis
    return frames_span(subject.start_s, picture.shape[-1], analysis.sizes.hop / analysis.rate)


def _bins(analysis: Analysis, bins: int) -> tuple[float, float]:
    """Return the edges of a picture of so many bins in kilohertz."""
    width = analysis.rate / analysis.sizes.window / 1000
    return -width / 2, (shown_rows(bins) - 0.5) * width


def _sizes(analysis: Analysis) -> str:
    window, hop = analysis.sizes
    return f"{window} ({1000 * window / analysis.rate:.3g} ms), hop {hop}"


def _highest_loud(analysis: Analysis) -> float:
    """Return the frequency below which nearly all loud bins lie, rounded up to a mark."""
    # Where the stretch is cut out of the file there is a click that the file has not.
    edge = analysis.sizes.window // (2 * analysis.sizes.hop)
    inner = slice(edge, -edge) if analysis.loud.shape[1] > 4 * edge else slice(None)
    below = analysis.loud[:, inner].sum(1).cumsum(0)
    if not below[-1]:
        return analysis.rate / 2
    row = int((below >= NEARLY_ALL * below[-1]).int().argmax())
    hertz = (row + 1) * analysis.rate / analysis.sizes.window
    step = 500 if hertz < 4000 else 1000
    return min(max(LEAST_HERTZ, step * math.ceil(hertz / step)), analysis.rate / 2)


def _finish_hertz(axes: Axes, top: float) -> None:
    axes.set_ylim(0, top / 1000)
    axes.set_ylabel("kHz")
    axes.tick_params(color=FAINT)
