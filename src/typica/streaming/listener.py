"""The bounded buffer between a generation and one who hears it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

from typica.streaming.block import Block

Patience = Literal["wait", "skip", "leave"]


class Listener:
    """Blocks that were generated and not yet heard.

    When it is full, the generation waits for it, or it loses its oldest blocks, or it is shown
    the door: `patience` is "wait", "skip" or "leave".

    Attributes:
        name: What it is, as in "/stream.wav".
        capacity: Samples that it holds at most.
        taken: Number of the sample behind the last block that was taken out of it.
        skipped: Samples that it lost.
        underruns: Times that it ran out of sound, as far as it tells.
        own_buffer_s: Seconds that it holds on its side, as far as it tells.
        dropped: Whether it was too slow, and was shown the door.
        ended: Whether no more blocks will come, once those in it are taken.
        awake: Is called whenever there is news, from any thread.
    """

    def __init__(self, name: str, capacity: int, patience: Patience) -> None:
        self.name, self.capacity, self.patience = name, capacity, patience
        self.taken = self.skipped = self.underruns = 0
        self.own_buffer_s = 0.0
        self.dropped = self.ended = False
        self.awake: Callable[[], None] = _nobody
        self._blocks: deque[Block] = deque()
        self._waiting = 0
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Samples in it."""
        return self._waiting

    def put(self, block: Block) -> None:
        """Take a block from the generation; only "wait" ever holds it up."""
        with self._changed:
            if self.patience == "wait":
                self._changed.wait_for(lambda: self.ended or self._fits(block))
            elif not self._fits(block):
                self._overflow(block)
            if not self.ended:
                self._blocks.append(block)
                self._waiting += len(block.audio)
        self._tell()

    def take(self) -> Block | None:
        """Return the next block, or None if none is there."""
        with self._changed:
            return self._next()

    def wait(self) -> Block | None:
        """Return the next block as soon as there is one, or None at the end of the stream."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self.ended)
            return self._next()

    def end(self) -> None:
        """Tell it that no more blocks will come; those in it may still be heard."""
        with self._changed:
            self.ended = True
        self._tell()

    def clear(self) -> None:
        """End it, and forget what was not heard."""
        with self._changed:
            self._forget()
            self.ended = True
        self._tell()

    def _fits(self, block: Block) -> bool:
        # A block that is larger than the buffer must pass through it nevertheless.
        return not self._blocks or self._waiting + len(block.audio) <= self.capacity

    def _overflow(self, block: Block) -> None:
        if self.patience == "leave":
            self._forget()
            self.dropped = self.ended = True
            return
        while not self._fits(block):
            self.skipped += len(self._pop().audio)

    def _forget(self) -> None:
        self._blocks.clear()
        self._waiting = 0

    def _next(self) -> Block | None:
        if not self._blocks:
            return None
        block = self._pop()
        self.taken = block.at + len(block.audio)
        return block

    def _pop(self) -> Block:
        block = self._blocks.popleft()
        self._waiting -= len(block.audio)
        self._changed.notify_all()
        return block

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self.awake()


def _nobody() -> None:
    pass
