"""The picture of an odd recording: its spectrum over time, and below it who finds what odd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from typica.evaluation.figures import (
    COLUMNS,
    FAINT,
    INK,
    MODEL,
    STYLE,
    TRAIN,
    check_matplotlib,
    show_levels,
    write_png,
)
from typica.signal.spectrum import decibels, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (MODEL, TRAIN, "#2d8a57", "#a04ec4", INK)
SPECTRUM_WINDOW = 512  # samples
QUIET_DB = -20.0  # silence is drawn dark, not as the loudest that there is


def draw_places(
    path: Path,
    title: str,
    blocks: Iterable[Tensor],
    windows: Mapping[str, np.ndarray],
    *,
    odd: Sequence[tuple[float, float]],
    rate: int,
    window_s: float,
    end_s: float,
    alpha: float,
) -> None:
    """Draw a recording and the p-values of its windows, and write the picture.

    Args:
        path: PNG file to write.
        title: Above the picture.
        blocks: The recording, one window of audio (1, time) after the other.
        windows: p-values by judge, each of shape (windows,).
        odd: Beginnings and ends of odd places, in seconds: they are shaded.
        rate: Hertz.
        window_s: Seconds of a window.
        end_s: Seconds of the recording.
        alpha: Below it a window is odd.

    Raises:
        MissingFeatureError: Matplotlib is not installed.
        DiskError: The picture cannot be written.
    """
    check_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    count = len(next(iter(windows.values())))
    with matplotlib.rc_context(STYLE):
        figure: Figure = Figure(figsize=(8, 4.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.set_title(title, loc="left", fontsize=10)
        levels = decibels(torch.cat(list(_columns(blocks, count)), -1))
        show_levels(upper, levels, rate, end_s, max(float(levels.max()), QUIET_DB))
        _p_values(lower, windows, window_s, end_s, alpha)
        for start, stop in odd:
            lower.axvspan(start, stop, color=TRAIN, alpha=0.15, linewidth=0)
        figure.legend(loc="outside lower center", ncols=len(windows), frameon=False, fontsize=9)
        write_png(figure, path)


def _columns(blocks: Iterable[Tensor], count: int) -> Iterator[Tensor]:
    """Yield mean spectra of windows, (bins, columns): few of each where there are many windows."""
    each = max(1, COLUMNS // count)
    for _, block in zip(range(count), blocks, strict=False):
        spectra = magnitude(block.mean(0), window=SPECTRUM_WINDOW, hop=SPECTRUM_WINDOW // 2)
        columns = min(each, spectra.shape[-1])
        yield torch.nn.functional.adaptive_avg_pool1d(spectra[None], columns)[0]


def _p_values(
    axes: Axes, windows: Mapping[str, np.ndarray], window_s: float, end_s: float, alpha: float
) -> None:
    starts = np.arange(len(next(iter(windows.values())))) * window_s
    middles = (starts + np.minimum(starts + window_s, end_s)) / 2
    for number, (name, values) in enumerate(windows.items()):
        # Curves that coincide are seen around one another.
        width, colour = 1.0 + 1.2 * (len(windows) - 1 - number), COLOURS[number]
        axes.semilogy(
            middles, values, ".-", color=colour, linewidth=width, ms=3 * width, label=name
        )
    axes.axhline(alpha, color=FAINT, linestyle=(0, (4, 3)), linewidth=1)
    axes.annotate(
        f"alpha = {alpha:g}", (1.005, alpha), xycoords=("axes fraction", "data"), va="center"
    )
    axes.set_ylim(top=1.4)
    axes.set_xlabel("seconds")
    axes.set_ylabel("p of a window")
