"""What a broadcast says of itself to those who listen from afar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from typica.streaming.broadcast import Broadcast
from typica.streaming.chronicle import as_json
from typica.streaming.prometheus import figure, figures

EVENTS = 50  # the newest, that a newcomer is told
Limits = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Station:
    """A broadcast, and what plays in it.

    Attributes:
        broadcast: The broadcast.
        title: Name of the run.
        engine: What computes.
        limits: The least and the greatest usual value of readings, by name; either may be None.
        began: When it was opened, which tells it from the one before.
    """

    broadcast: Broadcast
    title: str = "typica"
    engine: str = ""
    limits: Limits = field(default_factory=dict)
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def state(self) -> dict[str, Any]:
        """Return all that a page wants to know at first."""
        chronicle = self.broadcast.chronicle
        return as_json(
            {
                "title": self.title,
                "engine": self.engine,
                "began": self.began,
                "rate": self.broadcast.rate,
                "limits": self.limits,
                "reading": chronicle.reading,
                "events": chronicle.newest(EVENTS),
                "counts": chronicle.counts,
                "metrics": self.broadcast.metrics(),
                "ended": self.broadcast.finished.is_set(),
            }
        )

    def prometheus(self) -> str:
        """Return the metrics and the newest reading in the text format of Prometheus."""
        metrics, chronicle = self.broadcast.metrics(), self.broadcast.chronicle
        lines = [figure(name, value) for name, value in metrics.items()]
        lines.append(figures("reading", "name", chronicle.reading))
        lines.append(figures("events", "kind", chronicle.counts))
        return "".join(lines)
