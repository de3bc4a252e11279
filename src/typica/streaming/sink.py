"""Places where a stream goes that are no network: each takes blocks from a listener."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from typica.streaming.block import Block
from typica.streaming.broadcast import Broadcast
from typica.streaming.errors import StreamError
from typica.streaming.listener import Listener, Patience


class Sink(ABC):
    """Where a stream goes.

    Attributes:
        name: What it is, in a few words.
        live: Whether it plays at the speed of time, by a clock of its own.
        capacity_s: Seconds that its buffer holds at most.
        when_live: What becomes of it where the generation keeps to time and it falls behind.
    """

    name: str
    live: ClassVar[bool] = False
    capacity_s: ClassVar[float] = 20.0
    when_live: ClassVar[Patience] = "skip"

    @abstractmethod
    def play(self, listener: Listener, rate: int) -> None:
        """Take blocks until there are no more, in a thread of its own.

        Args:
            listener: Where they come from.
            rate: Hertz.

        Raises:
            TypicaError: It cannot go on.
        """


class Outlet:
    """A sink at work.

    Attributes:
        error: What ended it, if it did not end by itself.
        finished: Is set at its end.
    """

    def __init__(self, sink: Sink, broadcast: Broadcast, *, patience: Patience) -> None:
        self.sink, self.broadcast = sink, broadcast
        self.listener = broadcast.listen(sink.name, capacity_s=sink.capacity_s, patience=patience)
        self.error: Exception | None = None
        self.finished = threading.Event()
        # A pipe that nobody reads cannot be woken: the process must be able to end without it.
        threading.Thread(target=self._run, name=sink.name, daemon=True).start()

    def stop(self) -> None:
        """End it: what sounds falls silent, what is written is written to the end."""
        if self.sink.live:
            self.listener.clear()
        self.listener.end()

    def _run(self) -> None:
        try:
            self.sink.play(self.listener, self.broadcast.rate)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.error = StreamError(f"{self.sink.name} takes no more: {reason}")
            self.error.__cause__ = error
        except Exception as error:
            self.error = error
        finally:
            self.broadcast.leave(self.listener)
            self.finished.set()


def heard(listener: Listener) -> Iterator[Block]:
    """Yield the blocks of a listener until the stream ends."""
    while block := listener.wait():
        yield block
