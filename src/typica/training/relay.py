"""Telling progress from one process to another, line by line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from typica.core.progress import Progress, Task

MARK = "typica> "
TELL_EVERY_S = 0.1


def send(**message: Any) -> None:
    """Write one message to standard output."""
    sys.stdout.write(MARK + json.dumps(message) + "\n")
    sys.stdout.flush()


class Relay(Progress):
    """Sends what it hears to the process that started this one."""

    @contextmanager
    def task(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        """Open a stretch of work over there."""
        send(kind="task", what=what, total=total, unit=unit)
        task = _Relayed()
        try:
            yield task
        finally:
            task.flush()
            send(kind="end")

    def say(self, sentence: str) -> None:
        """Tell a sentence over there."""
        send(kind="say", sentence=sentence)


class _Relayed(Task):
    def __init__(self) -> None:
        self._amount, self._told_at = 0.0, 0.0

    def advance(self, amount: float = 1) -> None:
        self._amount += amount
        if time.monotonic() - self._told_at > TELL_EVERY_S:
            self.flush()

    def show(self, **figures: float | str) -> None:
        send(kind="show", figures=figures)

    def flush(self) -> None:
        send(kind="advance", amount=self._amount)
        self._amount, self._told_at = 0.0, time.monotonic()


class Listener:
    """Tells a progress what a relay sent, and keeps what else the processes say.

    Attributes:
        workers: Their process numbers.
        result: What the first one returned.
        error: The first sentence of an error, if any.
        interrupted: Whether they stopped because they were asked to.
    """

    def __init__(self, progress: Progress) -> None:
        self.workers: list[int] = []
        self.result: Any = None
        self.error: str | None = None
        self.interrupted = False
        self._progress = progress
        self._tasks: list[tuple[ExitStack, Task]] = []

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        while self._tasks:
            self._tasks.pop()[0].close()

    def hear(self, message: dict[str, Any]) -> None:
        """Take in one message."""
        getattr(self, f"_hear_{message.pop('kind')}")(**message)

    def _hear_worker(self, pid: int) -> None:
        self.workers.append(pid)

    def _hear_task(self, what: str, total: float | None, unit: str) -> None:
        stack = ExitStack()
        self._tasks.append((stack, stack.enter_context(self._progress.task(what, total, unit))))

    def _hear_advance(self, amount: float) -> None:
        self._tasks[-1][1].advance(amount)

    def _hear_show(self, figures: dict[str, float | str]) -> None:
        self._tasks[-1][1].show(**figures)

    def _hear_end(self) -> None:
        self._tasks.pop()[0].close()

    def _hear_say(self, sentence: str) -> None:
        self._progress.say(sentence)

    def _hear_result(self, value: Any) -> None:
        self.result = value

    def _hear_error(self, sentence: str) -> None:
        self.error = self.error or sentence

    def _hear_interrupted(self) -> None:
        self.interrupted = True
