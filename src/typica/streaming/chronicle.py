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
Minute = dict[str, Any]


class Chronicle:
    """Events and readings; however long the stream, memory stays bounded.

    Any thread may write and read: what is read is a copy, and stays as it was.

    Attributes:
        rate: Hertz of the stream.
        reading: The newest reading.
        listeners: Are called with each event, from any thread.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.reading: Mapping[str, float] = {}
        self.listeners: list[Callable[[Event], None]] = []
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._counts: Counter[str] = Counter()
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self._minute: dict[str, _Range] = {}
        self._number = 0
        self._lock = threading.Lock()

    @property
    def counts(self) -> dict[str, int]:
        """How many events there were of each kind."""
        with self._lock:
            return dict(self._counts)

    def add(self, block: Block) -> None:
        """Write down what a block says beside its sound."""
        with self._lock:
            self._enter(block.at // (60 * self.rate))
            for name, value in block.reading.items():
                self._minute.setdefault(name, _Range()).add(value)
        self.reading = block.reading or self.reading
        for event in block.events:
            self.tell(event)

    def tell(self, event: Event) -> None:
        """Write an event down, and tell all who listen."""
        with self._lock:
            self._events.append(event)
            self._counts[str(event["kind"])] += 1
        for listener in self.listeners:  # outside of the lock: they may read
            listener(event)

    def newest(self, count: int) -> list[Event]:
        """Return the newest events, the oldest of them first."""
        with self._lock:
            return list(self._events)[-count:]

    def report(self) -> dict[str, Any]:
        """Return all of it, for a JSON file; of a minute's readings least, mean and greatest."""
        with self._lock:
            parts = {
                "counts": dict(self._counts),
                "events": list(self._events),
                "minutes": [*self._minutes, *self._open()],
            }
        return as_json(parts)

    def _enter(self, number: int) -> None:
        """End a minute where another begins."""
        if number != self._number:
            self._minutes.extend(self._open())
            self._minute, self._number = {}, number

    def _open(self) -> list[Minute]:
        """Return the minute that is not over, unless nothing was read in it."""
        ranges = {name: one.summary() for name, one in self._minute.items()}
        return [{"minute": self._number, "readings": ranges}] if ranges else []


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
