"""How a long action tells how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Task:
    """One stretch of work under way; this one tells nobody."""

    def advance(self, amount: float = 1) -> None:
        """Tell that `amount` more of the total is done."""

    def show(self, **figures: float | str) -> None:
        """Tell figures to stand beside the bar, such as the loss."""


class Progress:
    """Hears how far an action is; this one keeps silent.

    The command line and the studio listen by overriding it.
    """

    @contextmanager
    def task(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        """Open a stretch of work; `total` is in `unit`, or None where it is not known."""
        yield Task()

    def say(self, sentence: str) -> None:
        """Tell something that should stay to be read."""


SILENT = Progress()
