"""The figures of a report, as matplotlib draws them, for a page that is light or dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from typica.core.errors import MissingFeatureError
from typica.core.files import replacing
from typica.evaluation.findings import Findings, smooth
from typica.signal.spectrum import decibels, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What is drawn in these colours follows the page's: it names them by variables.
INK, FAINT, MODEL, TRAIN = "#14181f", "#8b93a1", "#2f6fde", "#e0862b"
VARIABLES = {
    INK: "currentColor",
    FAINT: "var(--faint)",
    MODEL: "var(--model)",
    TRAIN: "var(--train)",
}

RANGE_DB = 80.0  # from the loudest down, in a spectrogram
COLUMNS = 900  # of a spectrogram's picture, at most
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "svg.fonttype": "none",  # text stays text: it takes the page's font and can be searched
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def check_matplotlib(what: str = "a report") -> None:
    """Refuse to go on where figures cannot be drawn.

    Args:
        what: For which they are needed, as in "a report".

    Raises:
        MissingFeatureError: Matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingFeatureError(what, "matplotlib", "plot") from error


def learning_curve(findings: Findings) -> Figure:
    """Draw bits a sample over training, with baselines as lines across.

    Baselines far above the curves are left out: they would press all else together.
    """
    figure, axes = _figure(5.6, 3.2)
    train, valid = smooth(findings.curves.train), findings.curves.valid
    likelihood = findings.likelihood
    baselines = {one.name: one.mean.value for one in likelihood.baselines}
    shown = sorted([*train.bits, *valid.bits])
    top = max(shown[int(0.9 * len(shown))], *(valid.bits[:1] or shown[:1])) + 1.0
    within = {name: bits for name, bits in baselines.items() if bits < top}
    low = min([shown[0], *within.values()]) - 0.3
    axes.set_ylim(low, top)
    axes.plot(*train, color=TRAIN, linewidth=1.3, label="training batches")
    axes.plot(*valid, color=MODEL, linewidth=2, marker="o", markersize=4, label="held out")
    for place, name in _apart(within, least=0.11 * (top - low)):
        axes.axhline(within[name], color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        label, where = name.replace(", ", ",\n"), ("axes fraction", "data")
        # A label that was moved away is led to its line, from the middle of its left edge.
        leader = {"arrowstyle": "-", "color": FAINT, "linewidth": 1, "relpos": (0, 0.5)}
        at, spot = (1.0, within[name]), (1.06, place)
        axes.annotate(label, at, spot, where, va="center", fontsize=9, arrowprops=leader)
    axes.set_xlabel("step")
    axes.set_ylabel("bits a sample")
    axes.legend(frameon=False, loc="upper right")
    return figure


def spectrogram(audio: Tensor, rate: int) -> Figure:
    """Draw the magnitude of the short-time spectrum of audio (channels, time), in decibels."""
    figure, axes = _figure(5.6, 2.0)
    levels = decibels(magnitude(audio.float().mean(0)))
    shown = levels[:, :: max(1, levels.shape[-1] // COLUMNS)]
    show_levels(axes, shown, rate, audio.shape[-1] / rate, float(levels.max()))
    axes.set_xlabel("seconds")
    return figure


def show_levels(axes: Axes, levels: Tensor, rate: int, seconds: float, loudest_db: float) -> None:
    """Show levels (bins, columns) in decibels as a picture over seconds and kilohertz."""
    axes.imshow(
        levels.numpy(),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=loudest_db - RANGE_DB,
        vmax=loudest_db,
        extent=(0, seconds, 0, rate / 2000),
        interpolation="antialiased",
    )
    axes.set_ylabel("kHz")


def to_svg(figure: Figure, title: str) -> str:
    """Return a figure as an SVG element that takes its colours and font from the page."""
    import matplotlib

    file = io.StringIO()
    # Pieces are named by a hash: with the title in it, two figures of a page share no name.
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": title}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r' font-family: [^;"]*;?', "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r' (width|height)="[0-9.]+pt"', "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as a picture on white.

    Raises:
        DiskError: It cannot be written.
    """
    write_figure(figure, path, "png")


def picture_endings() -> frozenset[str]:
    """Return the endings of all the kinds of pictures that Matplotlib knows, without dots."""
    from matplotlib.backend_bases import FigureCanvasBase

    return frozenset(FigureCanvasBase.get_supported_filetypes())


def write_figure(figure: Figure, path: Path, kind: str) -> None:
    """Write a figure on white, as "png", "svg" or "pdf"; equal figures give equal files.

    Raises:
        DiskError: It cannot be written.
    """
    import matplotlib

    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    fixed: dict[Any, Any] = STYLE | {"svg.hashsalt": "typica"}
    with replacing(path) as place, matplotlib.rc_context(fixed), warnings.catch_warnings():
        # A sign of a name that no font has is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(place, format=kind, dpi=160, facecolor="white", metadata=dates.get(kind))


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        # Not pyplot's: that keeps every figure, and opens windows where it may.
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
    return figure, axes


def _apart(heights: Mapping[str, float], least: float) -> list[tuple[float, str]]:
    """Move labels upwards until none covers another."""
    placed: list[tuple[float, str]] = []
    for name, height in sorted(heights.items(), key=lambda pair: pair[1]):
        lowest = placed[-1][0] + least if placed else height
        placed.append((max(height, lowest), name))
    return placed
