"""What the panels of pictures share: axes of seconds, hertz and notes, scales of colour, titles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.evaluation.figures import FAINT, INK, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

COLUMNS, ROWS = 1000, 300  # of a picture, at most: as many as are seen
RANGE_DB = 80.0
QUIETEST_DB = -40.0  # top of a scale of decibels, at least: silence must not look like sound
NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
A4, A4_HERTZ = 69, 440.0
GREY = "#5b6472"
MASKED = "#e9ebef"  # what is too soft to have a phase
HOUSE: dict[Any, Any] = STYLE | {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "figure.facecolor": "white",
    "legend.frameon": False,
}


class Span(NamedTuple):
    """A stretch of time in seconds."""

    start: float
    stop: float


def note_name(pitch: int) -> str:
    """Return the name of a MIDI pitch: 60 is C4, 69 is A4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def hertz_of(pitch: float) -> float:
    """Return the frequency of a MIDI pitch, equally tempered, with the A of 440 hertz."""
    return float(A4_HERTZ * 2 ** ((pitch - A4) / 12))


def pitch_of(hertz: float) -> float:
    """Return the MIDI pitch of a frequency, with a fraction."""
    return A4 + 12 * math.log2(hertz / A4_HERTZ)


def marked_pitches(low: float, high: float) -> list[int]:
    """Return MIDI pitches to mark on an axis from `low` to `high`: the wider, the fewer."""
    step = next((step for step in (1, 2, 3, 6) if high - low <= 7 * step), 12)
    return [pitch for pitch in range(math.ceil(low), math.floor(high) + 1) if pitch % step == 0]


def pooled(values: Tensor) -> Tensor:
    """Return a picture of no more rows and columns than are seen: of neighbours the loudest."""
    rows, columns = (
        _group(size, most) for size, most in zip(values.shape, (ROWS, COLUMNS), strict=True)
    )
    whole = F.pad(
        values, (0, -values.shape[1] % columns, 0, -values.shape[0] % rows), value=-math.inf
    )
    return F.max_pool2d(whole[None], (rows, columns))[0]


def thinned(values: Tensor) -> Tensor:
    """Return a picture of no more rows and columns than are seen: angles have no loudest."""
    return values[:: _group(values.shape[0], ROWS), :: _group(values.shape[1], COLUMNS)]


def shown_rows(rows: int) -> int:
    """Return how many rows those of a picture stand for that was pooled or thinned."""
    return _filled(rows, ROWS)


def _group(size: int, most: int) -> int:
    return max(1, math.ceil(size / most))


def _filled(size: int, most: int) -> int:
    return math.ceil(size / _group(size, most)) * _group(size, most)


def show_picture(
    axes: Axes,
    picture: Tensor,
    *,
    seconds: Span,
    rows: tuple[float, float],
    scale: tuple[float, float],
    colours: Any,
    label: str,
    ticks: Sequence[float] | None = None,
) -> AxesImage:
    """Show a picture (rows, columns), lowest row first, with its scale of colours beside it.

    Args:
        axes: Where.
        picture: Values; those that are no numbers are left blank.
        seconds: From the edge of the first column to that of the last.
        rows: From the edge of the lowest row to that of the highest, on the axis.
        scale: Values of the first and last colour.
        colours: Name of a map of colours, or one.
        label: Of the scale.
        ticks: Values marked on the scale.
    """
    image = axes.imshow(
        picture.numpy(),
        origin="lower",
        aspect="auto",
        cmap=colours,
        vmin=scale[0],
        vmax=scale[1],
        extent=(*seconds, *rows),
        # What is finer than the page must not be averaged: neither peaks nor angles survive it.
        interpolation="nearest",
    )
    image.set_label(label)
    add_scale(axes, image, label, ticks)
    return image


def add_scale(axes: Axes, image: Any, label: str, ticks: Sequence[float] | None = None) -> None:
    """Put a scale of colours to the right of axes, as high as they are."""
    place = axes.inset_axes((1.012, 0, 0.014, 1))
    bar = axes.figure.colorbar(image, cax=place, ticks=ticks)
    bar.outline.set_visible(False)
    bar.set_label(label, color=INK)
    place.tick_params(length=2, color=FAINT)


def decibel_ticks(scale: tuple[float, float]) -> list[float]:
    """Return the decibels to mark on a scale: every 20."""
    return [20.0 * n for n in range(math.ceil(scale[0] / 20), math.floor(scale[1] / 20) + 1)]


def decibel_scale(levels: Tensor) -> tuple[float, float]:
    """Return the ends of a scale of decibels that suits levels: 80 dB down from the loudest."""
    top = max(float(levels.max()), QUIETEST_DB) if levels.numel() else 0.0
    return top - RANGE_DB, top


def frames_span(start_s: float, frames: int, hop_s: float, *, offset_s: float = 0.0) -> Span:
    """Return the edges of a picture of frames, of which frame m has its middle at m hop.

    Where frames are pooled or thinned to columns, the last column may reach past the last frame.
    """
    first = start_s + offset_s - hop_s / 2
    return Span(first, first + _filled(frames, COLUMNS) * hop_s)


def write_title(axes: Axes, name: str, remark: str = "") -> None:
    """Write a panel's name, and how it was made beside it in grey."""
    axes.set_title(name, loc="left", fontweight="bold", color=INK)
    axes.set_title(remark, loc="right", fontsize=8.5, color=GREY)


def write_inside(axes: Axes, text: str) -> None:
    """Write in the middle of a panel what there is to say instead of showing something."""
    axes.text(
        *(0.5, 0.5, text),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 3},
    )


def blank() -> Tensor:
    """Return a value that is left blank in a picture."""
    return torch.tensor(math.nan)


class Head(NamedTuple):
    """What stands above a figure.

    Attributes:
        name: Of what is shown.
        lines: About it.
    """

    name: str
    lines: tuple[str, ...]

    @property
    def height(self) -> float:
        """Inches that it takes, and a little more."""
        return 0.36 + LINE * len(self.lines) + 0.08


LINE = 0.18  # inches from one to the next
SIGNS = 12.5, 9.0  # of a line and of a name, in an inch


def head_of(name: str, about: Sequence[str], width: float) -> Head:
    """Return a head that fits above a figure of a width in inches.

    Parts of `about` go to a next line where the width takes no more; of a long name the middle
    is left out.
    """
    lines = [""]
    for part in about:
        longer = DOT.join([lines[-1], part]) if lines[-1] else part
        if len(longer) <= width * SIGNS[0]:
            lines[-1] = longer
        else:
            lines.append(part)
    room = int(width * SIGNS[1])
    if len(name) > room:
        name = f"{name[: room // 2]} … {name[-room // 2 :]}"
    return Head(name, tuple(filter(None, lines)))


DOT = "  ·  "


def write_head(figure: Figure, head: Head, *, spare: float = 0.0) -> None:
    """Write a head above a figure.

    Args:
        figure: Its panels are laid out below.
        head: What to write.
        spare: Inches left free between the head and the panels.
    """
    height = figure.get_figheight()
    top = 1 - (head.height + spare) / height
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top), h_pad=0.06)
    # A name may hold signs that would make it a formula.
    put: dict[str, Any] = {"x": 0.1 / figure.get_figwidth(), "va": "top", "parse_math": False}
    figure.text(y=1 - 0.1 / height, s=head.name, fontsize=13, fontweight="bold", color=INK, **put)
    for number, line in enumerate(head.lines):
        y = 1 - (0.36 + LINE * number) / height
        figure.text(y=y, s=line, fontsize=9.5, color=GREY, **put)
