"""The picture of an odd recording: its spectrum over time, and below it who finds what odd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    RANGE_DB,
    STYLE,
    TRAIN,
    check_matplotlib,
    write_png,
)
from typica.signal.spectrum import decibels, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (MODEL, TRAIN, "#2d8a57", "#a04ec4", INK)
SPECTRUM_WINDOW = 512  # samples


def draw_places(
    path: Path,
    title: str,
    blocks: Iterable[Tensor],
    windows: Mapping[str, np.ndarray],
    *,
    rate: int,
    window_s: float,
    alpha: float,
) -> None:
    """Draw a recording and the p-values of its windows, and write the picture.

    Args:
        path: PNG file to write.
        title: Above the picture.
        blocks: The recording, one window of audio (1, time) after the other.
        windows: p-values by judge, each of shape (windows,).
        rate: Hertz.
        window_s: Seconds of a window.
        alpha: Below it a window is odd.

    Raises:
        MissingFeatureError: Matplotlib is not installed.
        DiskError: The picture cannot be written.
    """
    check_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    count = len(next(iter(windows.values())))
    end_s = count * window_s
    with matplotlib.rc_context(STYLE):
        figure: Figure = Figure(figsize=(8, 4.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.set_title(title, loc="left", fontsize=10)
        _spectrum(upper, list(_columns(blocks, count)), rate, end_s)
        _p_values(lower, windows, window_s, alpha)
        figure.legend(loc="outside lower center", ncols=len(windows), frameon=False, fontsize=9)
        write_png(figure, path)


def _columns(blocks: Iterable[Tensor], count: int) -> Iterator[Tensor]:
    """Yield mean spectra, (bins, a few): together no more columns than a picture has."""
    each = max(1, COLUMNS // count)
    for _, block in zip(range(count), blocks, strict=False):
        spectra = magnitude(block.mean(0), window=SPECTRUM_WINDOW, hop=SPECTRUM_WINDOW // 2)
        yield torch.nn.functional.adaptive_avg_pool1d(spectra[None], min(each, spectra.shape[-1]))[
            0
        ]


def _spectrum(axes: Axes, columns: list[Tensor], rate: int, end_s: float) -> None:
    levels = decibels(torch.cat(columns, -1))
    loudest = float(levels.max())
    axes.imshow(
        levels.numpy(),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=loudest - RANGE_DB,
        vmax=loudest,
        extent=(0, end_s, 0, rate / 2000),
    )
    axes.set_ylabel("kHz")


def _p_values(axes: Axes, windows: Mapping[str, np.ndarray], window_s: float, alpha: float) -> None:
    middles = (np.arange(len(next(iter(windows.values())))) + 0.5) * window_s
    for colour, (name, values) in zip(COLOURS, windows.items(), strict=False):
        axes.semilogy(middles, values, ".-", color=colour, linewidth=1, markersize=4, label=name)
    axes.axhline(alpha, color=FAINT, linestyle=(0, (4, 3)), linewidth=1)
    axes.annotate(
        f"alpha = {alpha:g}", (1.005, alpha), xycoords=("axes fraction", "data"), va="center"
    )
    axes.set_ylim(top=1.4)
    axes.set_xlabel("seconds")
    axes.set_ylabel("p of a window")
