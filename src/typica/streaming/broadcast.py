"""One generation and its many listeners.

A thread draws blocks from a performance and hands each to all who listen, who take them from
bounded buffers at their own speed. Where anybody listens live the generation keeps to real time
plus a lead; else it goes as fast as its listeners take it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from typica.core.threads import GENERATION
from typica.streaming.block import Block, Performance
from typica.streaming.chronicle import Chronicle
from typica.streaming.errors import StreamError
from typica.streaming.listener import Listener, Patience
from typica.streaming.pace import Pace

LEAD_S = 4.0  # that a live generation is ahead: what a listener can live from while it stalls
MEASURED_S = 4.0  # of sound, or of work, after which the speed of the generation is known
FORGETTING = 0.05  # of the running mean of the speed, with each block


class Broadcast:
    """Hands the blocks of a performance to its listeners.

    Attributes:
        performance: Where blocks come from.
        rate: Hertz.
        chronicle: What happened.
        error: What ended the generation, if it did not end by itself.
        finished: Is set at the end.
        joined: Listeners that there ever were.
        dropped: Listeners that were too slow.
    """

    def __init__(
        self,
        performance: Performance,
        *,
        live: bool,
        length: int | None = None,
        lead_s: float = LEAD_S,
    ) -> None:
        """Get ready.

        Args:
            performance: Is closed at the end.
            live: Whether to keep to real time.
            length: Samples after which to end.
            lead_s: Seconds to be ahead of real time.
        """
        self.performance, self.rate, self.length = performance, performance.rate, length
        self.chronicle = Chronicle(self.rate)
        self.error: Exception | None = None
        self.finished = threading.Event()
        self.joined = self.dropped = 0
        self._pace = Pace(self.rate, lead_s) if live else None
        self._speed = _Speed(self.rate)
        self._given = self._blocks_given = 0
        self._gone_underruns = self._gone_skipped = 0  # of listeners that have left
        self._listeners: list[Listener] = []
        self._recent: deque[Block] = deque()
        self._recent_length = round(lead_s * self.rate) if live else 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=GENERATION, daemon=True)

    def start(self) -> None:
        """Begin to generate."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the generation to end; listeners may hear what is in their buffers."""
        self._stop.set()
        for listener in self.listeners:
            listener.end()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end."""
        self.finished.wait(timeout_s)

    @property
    def listeners(self) -> list[Listener]:
        """Those who listen now."""
        with self._lock:
            return list(self._listeners)

    def listen(self, name: str, *, capacity_s: float, patience: Patience) -> Listener:
        """Return a new listener; live, it first gets what is being heard elsewhere now."""
        listener = Listener(name, round(capacity_s * self.rate), patience)
        with self._lock:
            for block in self._recent:
                listener.put(block)
            self._listeners.append(listener)
            self.joined += 1
            if self.finished.is_set() or self._stop.is_set():
                listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        """Part with a listener; it may have gone already."""
        listener.clear()
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
                self._gone_underruns += listener.underruns
                self._gone_skipped += listener.skipped

    def metrics(self) -> dict[str, float]:
        """Return figures of how it goes, by name."""
        with self._lock:  # one that leaves meanwhile would be counted twice, or not at all
            listeners = list(self._listeners)
            underruns = self._gone_underruns + sum(one.underruns for one in listeners)
            skipped = self._gone_skipped + sum(one.skipped for one in listeners)
        return {
            "blocks": self._blocks_given,
            "samples": self._given,
            "seconds": self._given / self.rate,
            "real_time_factor": self._speed.mean,
            "real_time_factor_now": self._speed.now,
            "late_blocks": self._pace.late if self._pace else 0,
            "late_seconds": self._pace.late_s if self._pace else 0.0,
            "listeners": len(listeners),
            "listeners_ever": self.joined,
            "listeners_dropped": self.dropped,
            "underruns": underruns,
            "skipped_seconds": skipped / self.rate,
            "fullest_buffer": max((one.waiting / one.capacity for one in listeners), default=0.0),
        }

    @property
    def measured(self) -> bool:
        """Whether the speed of the generation is known by now."""
        return max(self._speed.worked_s, self._speed.samples / self.rate) >= MEASURED_S

    def _run(self) -> None:
        try:
            for block in self._blocks():
                self._hand_out(block)
        except Exception as error:
            self.error = error
        finally:
            self._finish()

    def _blocks(self) -> Iterator[Block]:
        """Draw blocks, up to the length asked for or until told to stop."""
        while not self._stop.is_set():
            began = time.perf_counter()
            block = next(self.performance, None)
            if block is None:
                return
            self._speed.add(len(block.audio), time.perf_counter() - began)
            left = len(block.audio) if self.length is None else self.length - block.at
            yield self._checked(block._replace(audio=block.audio[:left]))
            if left <= len(block.audio) and self.length is not None:
                return

    def _checked(self, block: Block) -> Block:
        if np.isfinite(block.audio).all():
            return block
        raise StreamError(
            f"after {block.at / self.rate:.1f} s the model gives values that are no numbers: "
            f"its weights are damaged, or its training diverged; take another checkpoint"
        )

    def _hand_out(self, block: Block) -> None:
        if self._pace:
            self._pace.wait(block.at, self._stop)
        if self._stop.is_set():  # those who listen were told that no more would come
            return
        self.chronicle.add(block)
        with self._lock:
            self._remember(block)
            self._given += len(block.audio)
            self._blocks_given += 1
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(block)
            if listener.dropped:
                self._drop(listener, block.at)

    def _remember(self, block: Block) -> None:
        self._recent.append(block)
        while block.at - self._recent[0].at >= self._recent_length:
            self._recent.popleft()
            if not self._recent:
                return

    def _drop(self, listener: Listener, at: int) -> None:
        self.leave(listener)
        self.dropped += 1
        behind = listener.capacity / self.rate
        text = f"a listener of {listener.name} fell {behind:.0f} s behind and was dropped"
        self.chronicle.tell({"at": at, "kind": "listener", "text": text})

    def _finish(self) -> None:
        try:
            self.performance.close()
        except Exception as error:
            self.error = self.error or error
        with self._lock:
            self.finished.set()
        for listener in self.listeners:
            listener.end()


class _Speed:
    """Seconds of sound made in a second of work.

    Attributes:
        now: A running mean over the last blocks.
        worked_s: Seconds of work.
    """

    def __init__(self, rate: int) -> None:
        self.rate, self.blocks, self.samples = rate, 0, 0
        self.now = 0.0
        self.worked_s = 0.0

    def add(self, samples: int, seconds: float) -> None:
        self.blocks += 1
        self.samples += samples
        self.worked_s += seconds
        speed = samples / self.rate / max(seconds, 1e-9)
        weight = FORGETTING if self.blocks > 1 else 1.0
        # The mean of the inverse: a block that took long weighs more.
        slowness = (1 - weight) / (self.now or 1.0) + weight / speed
        self.now = 1 / slowness

    @property
    def mean(self) -> float:
        return self.samples / self.rate / max(self.worked_s, 1e-9)
