"""Keeping a generation at the speed of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets a generation run ahead of real time by so many seconds, and no further.

    A generation that falls behind is late, and starts anew from there: what was lost is not made
    up for, or the buffers of the listeners would grow with every delay.

    Attributes:
        late: Blocks that came after they should have been heard.
        late_s: Seconds of silence that this made.
    """

    def __init__(
        self, rate: int, lead_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.lead_s, self.clock = rate, lead_s, clock
        self.late, self.late_s = 0, 0.0
        self._origin: float | None = None

    def wait(self, at: int, stop: threading.Event) -> None:
        """Wait until the block that begins at sample `at` may be handed out, or until `stop`."""
        now, due = self.clock(), at / self.rate
        if self._origin is None:
            self._origin = now - due
        ahead = self._origin + due - now
        if ahead < 0:
            self._origin -= ahead
            self.late += 1
            self.late_s -= ahead
        elif ahead > self.lead_s:
            stop.wait(ahead - self.lead_s)
