"""A stream from its first block to its end: the generation, where it goes, and who watches."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from typica.streaming.block import Performance
from typica.streaming.broadcast import Broadcast
from typica.streaming.chronicle import as_json
from typica.streaming.server import Server
from typica.streaming.sink import Outlet, Sink
from typica.streaming.station import Limits, Station

GLANCE_S = 0.1  # between looks at how it goes
FAREWELL_S = 3.0  # that sinks get to end in, once the user has had enough


@dataclass(frozen=True)
class Aired:
    """What became of a stream.

    Attributes:
        seconds: How long it was.
        metrics: Figures of how it went, by name.
        record: Events, and readings minute by minute.
        errors: What went wrong; the first ended it.
        heard: Samples that it had when it was left: of what was handed out beyond them nothing
            was heard. None where the generation broke, so that nothing goes on from there.
    """

    seconds: float
    metrics: Mapping[str, float]
    record: Mapping[str, Any]
    errors: Sequence[Exception]
    heard: int | None

    def report(self) -> dict[str, Any]:
        """Return all of it, for a JSON file."""
        errors = [str(error) for error in self.errors]
        figures = {"seconds": self.seconds, "errors": errors, "metrics": self.metrics}
        return as_json({**figures, **self.record})


class Airing:
    """A performance on its way to sinks and to a web server.

    Attributes:
        broadcast: Generates, and hands out.
        outlets: The sinks at work.
        server: Answers those who listen from afar, or None.
    """

    def __init__(
        self,
        performance: Performance,
        sinks: Sequence[Sink] = (),
        *,
        http: socket.socket | None = None,
        length: int | None = None,
        title: str = "typica",
        engine: str = "",
        limits: Limits | None = None,
        say: Callable[[str], None],
    ) -> None:
        """Get ready.

        Args:
            performance: What is streamed.
            sinks: Where it goes.
            http: Where a web server shall answer; the stream then keeps to time.
            length: Samples after which to end.
            title: Name of what plays.
            engine: What computes it.
            limits: Of readings, by name: the least and greatest usual value.
            say: Hears, in sentences, of events, speed and addresses.
        """
        self.say = say
        self.broadcast = Broadcast(performance, live=http is not None, length=length)
        self.broadcast.chronicle.listeners.append(self._tell)
        station = Station(self.broadcast, title, engine, limits or {})
        self.server = Server(station, http) if http else None
        self.outlets = [
            Outlet(sink, self.broadcast, patience=sink.when_live if self.server else "wait")
            for sink in sinks
        ]
        self._complained: set[Outlet] = set()

    def run(self, asked_to_stop: Callable[[], object], *, to_the_end: bool = False) -> Aired:
        """Stream until the end, or until all sinks have had enough, or until asked to stop.

        Args:
            asked_to_stop: Is asked ten times a second.
            to_the_end: Wait for what is being generated then, however long that takes; else it
                is left behind.
        """
        if self.server:
            self.server.start()
            self.say(f"listen at {self.server.address}")
        self.broadcast.start()
        try:
            self._watch(asked_to_stop)
        finally:
            self._end(None if to_the_end else FAREWELL_S)
        metrics, record = self.broadcast.metrics(), self.broadcast.chronicle.report()
        return Aired(metrics["seconds"], metrics, record, self._errors(), self._heard())

    def _watch(self, asked_to_stop: Callable[[], object]) -> None:
        measured = False
        while not (asked_to_stop() or self._finished()):
            time.sleep(GLANCE_S)
            self._complain()
            if self.broadcast.measured and not measured:
                measured = True
                self.say(speed(self.broadcast.metrics()["real_time_factor"], bool(self.server)))

    def _finished(self) -> bool:
        """Whether nobody is left to generate for, or all is generated and delivered."""
        delivered = all(outlet.finished.is_set() for outlet in self.outlets)
        return delivered and (self.broadcast.finished.is_set() or not self.server)

    def _heard(self) -> int | None:
        """Return how far those have come for whom it is; who listens from afar is not asked."""
        if self.broadcast.error is not None:
            return None
        if self.server or not self.outlets:
            return int(self.broadcast.metrics()["samples"])
        return max(outlet.listener.taken for outlet in self.outlets)

    def _end(self, patience_s: float | None) -> None:
        self.broadcast.stop()
        for outlet in self.outlets:
            outlet.stop()
        self.broadcast.join(patience_s)
        until = time.monotonic() + FAREWELL_S
        for outlet in self.outlets:
            outlet.finished.wait(max(0.0, until - time.monotonic()))
        if self.server:
            self.server.stop()
        self._complain()

    def _complain(self) -> None:
        """Tell what ended a sink, once, while the others go on."""
        for outlet in self.outlets:
            if outlet.error and outlet not in self._complained and self.server:
                self._complained.add(outlet)
                text = str(outlet.error)
                at = self.broadcast.metrics()["samples"]
                self.broadcast.chronicle.tell({"at": at, "kind": "sink", "text": text})

    def _errors(self) -> list[Exception]:
        errors = [self.broadcast.error, *(outlet.error for outlet in self.outlets)]
        return [error for error in errors if error]

    def _tell(self, event: Mapping[str, object]) -> None:
        with suppress(OSError):  # nobody may be left who reads
            self.say(f"{_clock(event, self.broadcast.rate)} {event['kind']}: {event['text']}")


def speed(factor: float, live: bool) -> str:
    """Say how fast the generation is."""
    sentence = f"generated at {factor:.3g} times real time"
    if factor >= 1:
        return sentence
    pauses = "listeners will hear pauses while their buffers fill; " if live else ""
    return f"{sentence}, slower than it sounds: {pauses}-o FILE writes it, to be heard later"


def _clock(event: Mapping[str, object], rate: int) -> str:
    seconds = int(event["at"]) // rate  # type: ignore[call-overload]
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
