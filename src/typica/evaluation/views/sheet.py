"""The picture of a recording: its panels on one sheet, over one axis of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from typica.data.excerpt import Excerpt
from typica.evaluation.views.analysis import Analysis
from typica.evaluation.views.axes import HOUSE, head_of, write_head
from typica.evaluation.views.panels import PANELS, Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.0  # inches of a column
BESIDE = 0.35  # inches that a panel's title takes above it
ONE_COLUMN = 4  # panels that still stand one below another


def draw_sound(
    excerpt: Excerpt, analysis: Analysis, panels: Sequence[str], *, name: str, about: Sequence[str]
) -> Figure:
    """Draw panels of a stretch of a recording.

    Args:
        excerpt: The stretch.
        analysis: Of the mean of its channels.
        panels: Names of `PANELS`, row by row.
        name: Stands above.
        about: Parts of what stands below the name.
    """
    from matplotlib import rc_context

    subject = Subject(excerpt, analysis)
    with rc_context(HOUSE):
        columns = 1 if len(panels) <= ONE_COLUMN else 2
        head = head_of(name, about, WIDTH * columns)
        figure, axes = _canvas(panels, columns, head.height)
        for panel, place in zip(panels, axes, strict=True):
            PANELS[panel].draw(place, subject)
            place.set_xlim(excerpt.start_s, excerpt.stop_s)
            place.set_gid(panel)
        write_head(figure, head)
    return figure


def analyse(excerpt: Excerpt) -> Analysis:
    """Return the analysis of the mean of a stretch's channels."""
    return Analysis(torch.from_numpy(excerpt.mono.copy()), excerpt.rate)


def _canvas(panels: Sequence[str], columns: int, above: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with an axes for each panel, row by row; the lowest have the seconds.

    Args:
        panels: Their names.
        columns: That they stand in.
        above: Inches above them.
    """
    from matplotlib.figure import Figure

    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    heights = [max(PANELS[panel].height for panel in row) for row in rows]
    size = (WIDTH * columns, above + sum(heights) + BESIDE * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    axes = [figure.add_subplot(grid[divmod(n, columns)]) for n in range(len(panels))]
    for number, place in enumerate(axes):
        is_last = number + columns >= len(axes)
        place.tick_params(labelbottom=is_last)
        if is_last:
            place.set_xlabel("seconds")
    return figure, axes
