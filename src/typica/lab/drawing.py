"""The hand in which all figures of the lab are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY, BLUE, ORANGE, GREEN = "#14181f", "#8b93a1", "#2f6fde", "#e0862b", "#2d8a57"
DOTS_PER_INCH = 130
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "figure.facecolor": "white",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.cmap": "gray",
}


def canvas(
    rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 3.6
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes, an array (rows, columns); sizes in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)
