"""Figures in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

PREFIX = "typica_stream_"


class Family(NamedTuple):
    """What a figure is.

    Attributes:
        kind: A counter never falls; a gauge goes up and down.
        words: What it counts or measures.
    """

    kind: Literal["counter", "gauge"]
    words: str


FAMILIES = {
    "blocks": Family("counter", "Blocks handed out."),
    "samples": Family("counter", "Samples handed out."),
    "seconds": Family("counter", "Seconds of sound handed out."),
    "real_time_factor": Family("gauge", "Seconds of sound drawn in a second, from the beginning."),
    "real_time_factor_now": Family("gauge", "Seconds of sound drawn in a second, lately."),
    "late_blocks": Family("counter", "Blocks that came after they should have been heard."),
    "late_seconds": Family("counter", "Seconds of silence that these made."),
    "listeners": Family("gauge", "Players, pages and files that listen now."),
    "listeners_ever": Family("counter", "Players, pages and files that ever listened."),
    "listeners_dropped": Family("counter", "Listeners that were too slow."),
    "underruns": Family("counter", "Times that pages and sound cards ran dry, as they tell."),
    "skipped_seconds": Family("counter", "Seconds of sound that listeners have missed."),
    "fullest_buffer": Family("gauge", "Share of its buffer that the slowest listener fills."),
    "reading": Family("gauge", "The newest readings of the monitor."),
    "events": Family("counter", "Events of each kind."),
}


def figure(name: str, value: float) -> str:
    """Return the lines of a figure that has one value."""
    return _head(name) + f"{PREFIX}{name} {_number(value)}\n"


def figures(name: str, label: str, values: Mapping[str, float]) -> str:
    """Return the lines of a figure that has a value for each value of a label; none, no lines."""
    if not values:
        return ""
    lines = (
        f'{PREFIX}{name}{{{label}="{_escaped(which)}"}} {_number(value)}\n'
        for which, value in values.items()
    )
    return _head(name) + "".join(lines)


def _head(name: str) -> str:
    kind, words = FAMILIES[name]
    return f"# HELP {PREFIX}{name} {words}\n# TYPE {PREFIX}{name} {kind}\n"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
