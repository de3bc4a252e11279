"""The hand in which all figures of the lab are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from typica.evaluation.figures import FAINT, INK, MODEL, TRAIN
from typica.evaluation.figures import STYLE as OF_REPORTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "STYLE", "canvas"]

GREY, BLUE, ORANGE, GREEN = FAINT, MODEL, TRAIN, "#2d8a57"
DOTS_PER_INCH = 130
STYLE: dict[Any, Any] = OF_REPORTS | {
    "figure.facecolor": "white",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
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
