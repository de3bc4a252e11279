"""Ending at a good moment when the user, or the machine, asks to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818
    """Work that may be thrown away was broken off."""


class Interruption:
    """Remembers that the process was asked to stop; asked a second time, it stops at once.

    Within `with interruption:` Ctrl-C and SIGTERM (which a cluster sends before it takes the
    machine back) only set `asked`. Outside the main thread signals cannot be heard.

    Attributes:
        asked: The signal that asked to stop, or 0.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._throwaway = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def throwaway(self) -> Iterator[None]:
        """Break the block off when asked to stop: nothing in it is missed."""
        try:
            self._throwaway = True
            yield
            self._throwaway = False
        except Interrupted:
            pass
        finally:
            self._throwaway = False

    def leave(self) -> None:
        """End as the signal would have ended the process."""
        if self.asked == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def _hear(self, number: int, _: FrameType | None) -> None:
        again, self.asked = self.asked, number
        if again:
            self.leave()
        if self._throwaway:
            self._throwaway = False
            raise Interrupted
