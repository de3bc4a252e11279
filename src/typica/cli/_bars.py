"""Progress bars on the terminal, and plain lines where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from typica.core.progress import Progress, Task

LINE_EVERY_S = 15.0  # a log file gets a line now and then, not a bar


class Bars(Progress):
    """Shows each task as a bar on standard error."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, soft_wrap=True, highlight=False)

    @contextmanager
    def task(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        """Show a bar while the block runs."""
        if not self.console.is_terminal:
            line = _Line(what, total, unit)
            yield line
            line.end()
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]} {task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self.console) as bars:
            yield _Bar(bars, bars.add_task(what, total=total, unit=unit, figures=""))

    def say(self, sentence: str) -> None:
        """Print a sentence that stays."""
        self.console.print(sentence, markup=False)


class _Bar(Task):
    def __init__(self, bars: RichProgress, number: TaskID) -> None:
        self.bars, self.number = bars, number

    def advance(self, amount: float = 1) -> None:
        self.bars.advance(self.number, amount)

    def show(self, **figures: float | str) -> None:
        self.bars.update(self.number, figures=_words(figures))


class _Line(Task):
    def __init__(self, what: str, total: float | None, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done, self.figures = 0.0, ""
        self.before: float | None = None  # what was done when the task was opened
        self.last = self.began = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        self.done += amount
        if self.before is None:
            self.before = self.done
        if time.monotonic() - self.last > LINE_EVERY_S:
            self.last = time.monotonic()
            self._print()

    def show(self, **figures: float | str) -> None:
        self.figures = _words(figures)

    def end(self) -> None:
        self._print(f"in {time.monotonic() - self.began:.0f} s")

    def _print(self, ending: str = "") -> None:
        total = f"/{self.total:.0f}" if self.total else ""
        done = f"{self.done:.0f}{total}" if self.total or self.done else ""
        ending = ending or self._left()
        words = (f"{self.what}:", done, self.unit, self.figures, ending)
        print(" ".join(word for word in words if word), file=sys.stderr, flush=True)

    def _left(self) -> str:
        done = self.done - (self.before or 0)
        if not self.total or done <= 0:
            return ""
        took = time.monotonic() - self.began
        return f"about {took * (self.total - self.done) / done:.0f} s left"


def _words(figures: dict[str, float | str]) -> str:
    shown = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in figures.values())
    return "  ".join(f"{name} {value}" for name, value in zip(figures, shown, strict=True))
