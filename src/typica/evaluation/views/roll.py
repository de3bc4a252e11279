"""The piano roll of a score as a picture: keys, drums, velocities and the sustain pedal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.evaluation.figures import FAINT, INK
from typica.evaluation.views.axes import (
    GREY,
    HOUSE,
    NAMES,
    Span,
    head_of,
    marked_pitches,
    note_name,
    write_head,
    write_inside,
    write_title,
)
from typica.score.controls import SUSTAIN, Controls, Performance
from typica.score.general_midi import PROGRAM_NAMES, drum_name
from typica.score.notes import DRUM_CHANNEL, Notes
from typica.score.pedal import sustained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 13.0  # inches
PITCH, DRUM = 0.1, 0.2  # inches of a pitch, of a kind of drum
LOWEST, HIGHEST = 2.2, 5.4  # inches of the keys
VELOCITY, PEDAL = 0.8, 0.3
BESIDE = 0.45
LEGEND_ROW, LEGEND_COLUMNS = 0.22, 4
KEY = 0.84  # height of a note's rectangle, in pitches
SPARE = 2  # pitches above and below all notes
PALE = 0.3  # how much of its colour the softest note has
MANY = 3000  # rectangles from which a drawing of vectors would be slow to look at
BLACK_KEYS = frozenset(pitch for pitch, name in enumerate(NAMES) if len(name) > 1)
PALETTE = (
    *("#2f6fde", "#e0862b", "#2d8a57", "#c2456b", "#7a53c4", "#0f9bb0", "#a8811a", "#d65fb8"),
    *("#5b7f2b", "#8c5a3c", "#4a5a78", "#e26a5a", "#3bb089", "#9a3fa0", "#6f8fd0", "#b3a23a"),
)
DRUMS = "#4b5360"


class Voice(NamedTuple):
    """Notes of one instrument in one channel.

    Attributes:
        channel: In [0, 15].
        program: The General MIDI instrument, counted from 0.
        notes: How many it has in the whole piece.
    """

    channel: int
    program: int
    notes: int

    @property
    def name(self) -> str:
        """What General MIDI calls it."""
        return "drums" if self.channel == DRUM_CHANNEL else PROGRAM_NAMES[self.program]


def voices_of(notes: Notes) -> list[Voice]:
    """Return the voices of a piece, by channel and program; all drums are one."""
    program = np.where(notes.channel == DRUM_CHANNEL, 0, notes.program)
    pairs = np.stack([notes.channel, program], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    return [Voice(*row) for row in np.column_stack([found, counts]).tolist()]


def draw_roll(performance: Performance, span: Span, *, name: str, about: Sequence[str]) -> Figure:
    """Draw what sounds in a stretch of a piece.

    Each note is a rectangle from its strike to its release, the louder the stronger; as long as
    the pedal holds it, it goes on in a paler shade. Velocities that are all one are not drawn.

    Args:
        performance: The piece, with one note at least.
        span: Seconds that are shown.
        name: Stands above.
        about: Parts of what stands below the name.
    """
    from matplotlib import rc_context

    notes = performance.notes
    voices = voices_of(notes)
    shown = performance._replace(notes=within(notes, span))
    head = head_of(name, about, WIDTH)
    legend = LEGEND_ROW * _legend_rows(voices)
    with rc_context(HOUSE):
        figure, places = _canvas(shown, voices, above=head.height + legend)
        if "keys" in places:
            rung = within(sustained(performance), span) if _pedalled(performance) else None
            _draw_keys(places["keys"], shown.notes, rung, voices)
        if "drums" in places:
            _draw_drums(places["drums"], shown.notes, span)
        if "velocity" in places:
            _draw_velocities(places["velocity"], shown.notes, voices)
        if "pedal" in places:
            _draw_pedal(places["pedal"], performance.controls, span)
        for place in places.values():
            place.set_xlim(span)
        if legend:
            _draw_legend(figure, voices, head.height)
        write_head(figure, head, spare=legend)
    return figure


def within(notes: Notes, span: Span) -> Notes:
    """Return the notes that sound in a stretch, whole."""
    kept = (notes.onset_s < span.stop) & (notes.offset_s > span.start)
    return _rows(notes, kept)


def _rows(notes: Notes, rows: NDArray) -> Notes:
    return Notes(**{field.name: getattr(notes, field.name)[rows] for field in fields(notes)})


def _pedalled(performance: Performance) -> list[int]:
    """Return the channels whose pedal is pressed at any time."""
    pressed = performance.controls.only(SUSTAIN)
    return sorted(set(pressed.channel[pressed.value > 0].tolist()) - {DRUM_CHANNEL})


def _canvas(
    shown: Performance, voices: Sequence[Voice], above: float
) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure, and the axes of what the piece has by name, from the highest down."""
    from matplotlib.figure import Figure

    heights = {}
    pitched = shown.notes.channel != DRUM_CHANNEL
    if any(voice.channel != DRUM_CHANNEL for voice in voices):
        low, high = _range(shown.notes.pitch[pitched])
        heights["keys"] = min(max((high - low) * PITCH, LOWEST), HIGHEST)
    if any(voice.channel == DRUM_CHANNEL for voice in voices):
        heights["drums"] = DRUM * max(2, 1 + len(set(shown.notes.pitch[~pitched].tolist())))
    if len(set(shown.notes.velocity.tolist())) > 1:
        heights["velocity"] = VELOCITY
    if _pedalled(shown):
        heights["pedal"] = PEDAL * len(_pedalled(shown))
    size = (WIDTH, above + sum(heights.values()) + BESIDE * len(heights))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, height_ratios=list(heights.values())
    )
    axes[-1, 0].set_xlabel("seconds")
    return figure, dict(zip(heights, axes[:, 0], strict=True))


def _range(pitch: NDArray) -> tuple[int, int]:
    """Return the lowest and highest pitch to show: an octave at least."""
    if not len(pitch):
        return 54, 66
    low, high = int(pitch.min()) - SPARE, int(pitch.max()) + SPARE
    spare = max(0, 12 - (high - low))
    return low - spare // 2, high + (spare + 1) // 2


def _draw_keys(axes: Axes, notes: Notes, rung: Notes | None, voices: Sequence[Voice]) -> None:
    low, high = _range(notes.pitch[notes.channel != DRUM_CHANNEL])
    _draw_keyboard(axes, low, high)
    if rung is not None:
        _add_rectangles(axes, rung, voices, strength=0.35, label="rings on")
    _add_rectangles(axes, notes, voices, strength=1.0, label="notes")
    axes.set_ylim(low - 0.5, high + 0.5)
    louder = "the louder, the stronger" if len(set(notes.velocity.tolist())) > 1 else ""
    paler = "paler as long as the pedal holds it" if rung is not None else ""
    write_title(axes, "Notes", "; ".join(filter(None, [louder, paler])))
    if not (notes.channel != DRUM_CHANNEL).any():
        write_inside(axes, "no note sounds")


def _draw_keyboard(axes: Axes, low: int, high: int) -> None:
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f3f4f7", linewidth=0, zorder=0)
        if pitch % 12 == 0:
            axes.axhline(pitch - 0.5, color="#c9ced8", linewidth=0.6, zorder=0)
    marks = marked_pitches(low, high)
    axes.set_yticks(marks, [note_name(mark) for mark in marks])
    axes.tick_params(color=FAINT)


def _add_rectangles(
    axes: Axes, notes: Notes, voices: Sequence[Voice], *, strength: float, label: str
) -> None:
    from matplotlib.collections import PolyCollection

    pitched = notes.channel != DRUM_CHANNEL
    left, right, pitch = notes.onset_s[pitched], notes.offset_s[pitched], notes.pitch[pitched]
    low, high = pitch - KEY / 2, pitch + KEY / 2
    x, y = np.stack([left, left, right, right], 1), np.stack([low, high, high, low], 1)
    axes.add_collection(
        PolyCollection(
            list(np.stack([x, y], axis=2)),
            facecolors=_colours(notes, voices, strength)[pitched],
            edgecolors="white",
            linewidths=0.3,
            label=label,
            rasterized=len(pitch) > MANY,
        ),
        autolim=False,
    )


def _colours(notes: Notes, voices: Sequence[Voice], strength: float = 1.0) -> NDArray:
    """Return the colour of each note, (notes, 3): its voice's, the paler, the softer it is.

    None lets shine through what lies under it: of two colours mixed nobody could tell which.
    """
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour_of(voice, voices)) for voice in voices])
    keys = np.array([voice.channel * 128 + voice.program for voice in voices])
    program = np.where(notes.channel == DRUM_CHANNEL, 0, notes.program)
    rows = colours[np.searchsorted(keys, notes.channel.astype(np.int64) * 128 + program)]
    share = strength * (PALE + (1 - PALE) * notes.velocity[:, None] / 127)
    return 1 - share * (1 - rows)


def colour_of(voice: Voice, voices: Sequence[Voice]) -> str:
    """Return the colour of a voice of a piece: of drums always the same."""
    if voice.channel == DRUM_CHANNEL:
        return DRUMS
    pitched = [one for one in voices if one.channel != DRUM_CHANNEL]
    return PALETTE[pitched.index(voice) % len(PALETTE)]


def _draw_drums(axes: Axes, notes: Notes, span: Span) -> None:
    """Mark each stroke in the lane of its drum: how long it is held means nothing."""
    strokes = (notes.channel == DRUM_CHANNEL) & (notes.onset_s >= span.start)
    kinds = sorted(set(notes.pitch[strokes].tolist()))
    lanes = np.searchsorted(kinds, notes.pitch[strokes]) if kinds else []
    strength = PALE + (1 - PALE) * notes.velocity[strokes] / 127
    axes.scatter(
        notes.onset_s[strokes],
        lanes,
        marker="D",
        s=11,
        color=DRUMS,
        alpha=strength if kinds else None,
        linewidths=0,
        label="drums",
        clip_on=False,  # a stroke at the very beginning is whole
        rasterized=len(strength) > MANY,
    )
    axes.set_yticks(range(len(kinds)), [drum_name(kind) for kind in kinds])
    axes.set_ylim(-0.7, max(len(kinds), 1) - 0.3)
    axes.grid(axis="y", color="#e9ebef", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    write_title(axes, "Drums")
    if not kinds:
        write_inside(axes, "no drum sounds")


def _draw_velocities(axes: Axes, notes: Notes, voices: Sequence[Voice]) -> None:
    from matplotlib.collections import LineCollection

    # The softest last: of notes struck together, each stem is seen.
    notes = _rows(notes, np.argsort(-notes.velocity.astype(int), kind="stable"))
    x = np.stack([notes.onset_s, notes.onset_s], axis=1)
    y = np.stack([np.zeros(len(notes)), notes.velocity], axis=1)
    stems = LineCollection(
        list(np.stack([x, y], axis=2)),
        colors=_colours(notes, voices) if len(notes) else INK,
        linewidths=1.1,
        label="velocities",
        rasterized=len(notes) > MANY,
    )
    axes.add_collection(stems, autolim=False)
    axes.set_ylim(0, 127)
    axes.set_yticks([0, 64, 127])
    write_title(axes, "Velocity")


def _draw_pedal(axes: Axes, controls: Controls, span: Span) -> None:
    """Draw how far the sustain pedal is down, for each channel that has one."""
    pressed = controls.only(SUSTAIN)
    channels = sorted(set(pressed.channel[pressed.value > 0].tolist()) - {DRUM_CHANNEL})
    for lane, channel in enumerate(channels):
        moves = controls.only(SUSTAIN, channel)
        order = np.argsort(moves.time_s, kind="stable")
        time_s = np.concatenate([[0.0], moves.time_s[order], [span.stop]])
        value = np.concatenate([[0], moves.value[order], moves.value[order][-1:]])
        axes.fill_between(time_s, -lane, -lane + 0.85 * value / 127, step="post", color=GREY)
    axes.set_yticks([0.4 - lane for lane in range(len(channels))], _channels(channels))
    axes.set_ylim(1 - len(channels), 1)
    axes.tick_params(axis="y", length=0)
    write_title(axes, "Sustain pedal")


def _channels(channels: Sequence[int]) -> list[str]:
    return [f"channel {channel + 1}" if len(channels) > 1 else "" for channel in channels]


def _legend_rows(voices: Sequence[Voice]) -> int:
    return math.ceil(len(voices) / LEGEND_COLUMNS) if len(voices) > 1 else 0


def _draw_legend(figure: Figure, voices: Sequence[Voice], above: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks = [
        Line2D([], [], color=DRUMS, marker="D", markersize=4, linewidth=0)
        if voice.channel == DRUM_CHANNEL
        else Patch(color=colour_of(voice, voices))
        for voice in voices
    ]
    names = [f"{voice.name} (channel {voice.channel + 1}): {voice.notes}" for voice in voices]
    height = figure.get_figheight()
    figure.legend(
        *(marks, names),
        loc="upper left",
        bbox_to_anchor=(0.004, 1 - (above - 0.04) / height),
        ncols=LEGEND_COLUMNS,
        borderpad=0,
        borderaxespad=0.2,
        handlelength=1.1,
        columnspacing=2.0,
    )
