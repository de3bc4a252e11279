"""What happened in a stream: its events, and the monitor's readings minute by minute."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from typica.streaming.block import Block

EVENTS = 10_000  # the newest that are kept
MINUTES = 7 * 24 * 60  # a week
Event = Mapping[str, object]


class Chronicle:
    """Events and readings; however long the stream, memory stays bounded.

    Attributes:
        rate: Hertz of the stream.
        reading: The newest reading.
        events: The newest events.
        counts: How many there were of each kind.
        minutes: Of each minute and each reading in it, the least, mean and greatest value.
        listeners: Are called with each event, from any thread.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.reading: Mapping[str, float] = {}
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.counts: Counter[str] = Counter()
        self.minutes: deque[dict[str, Any]] = deque(maxlen=MINUTES)
        self.listeners: list[Callable[[Event], None]] = []
        self._minute: dict[str, _Range] = {}
        self._number = 0
        self._lock = threading.Lock()

    def add(self, block: Block) -> None:
        """Write down what a block says beside its sound."""
        if block.at // (60 * self.rate) != self._number:
            self._close(block.at // (60 * self.rate))
        for event in block.events:
            self.tell(event)
        if block.reading:
            self.reading = block.reading
            for name, value in block.reading.items():
                self._minute.setdefault(name, _Range()).add(value)

    def tell(self, event: Event) -> None:
        """Write an event down, and tell all who listen."""
        with self._lock:
            self.events.append(event)
            self.counts[str(event["kind"])] += 1
        for listener in self.listeners:
            listener(event)

    def newest(self, count: int) -> list[Event]:
        """Return the newest events, the oldest of them first."""
        with self._lock:
            return list(self.events)[-count:]

    def report(self) -> dict[str, Any]:
        """Return all of it, for a JSON file."""
        self._close(self._number)
        return as_json(
            {
                "counts": dict(self.counts),
                "events": self.newest(EVENTS),
                "minutes": list(self.minutes),
            }
        )

    def _close(self, following: int) -> None:
        """End a minute."""
        if self._minute:
            ranges = {name: one.summary() for name, one in self._minute.items()}
            self.minutes.append({"minute": self._number, "readings": ranges})
        self._minute, self._number = {}, following


class _Range:
    def __init__(self) -> None:
        self.least, self.greatest, self.sum, self.count = math.inf, -math.inf, 0.0, 0

    def add(self, value: float) -> None:
        if math.isfinite(value):
            self.least, self.greatest = min(self.least, value), max(self.greatest, value)
            self.sum += value
            self.count += 1

    def summary(self) -> list[float]:
        return [self.least, self.sum / max(self.count, 1), self.greatest]


def as_json(value: Any) -> Any:
    """Return it with arrays' numbers as plain ones, and None for those JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(name): as_json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, deque)):
        return [as_json(inner) for inner in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float):
        return number if math.isfinite(number) else None
    return number if isinstance(number, (bool, int)) else str(number)
