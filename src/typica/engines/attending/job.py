"""What a kernel of transformers over a table is given beside what all are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from typica.engines import job
from typica.engines.attending.tables import Tables
from typica.engines.job import Floats

BY_SYMBOL = (  # arrays with a row for each symbol
    *("symbols", "forced", "uniforms", "outputs", "local"),
    *("log_prob", "log_draw", "entropy", "varentropy"),
)


@dataclass(kw_only=True)
class Job(job.Job):
    """A block of draws of a transformer over a table.

    Attributes:
        tables: Of the streams.
        held: Symbols that lie in the table that is filled.
        followed: Symbols of the next table that were read already.
        label: Vectors of the classes, (count, width*), or None.
        local: What frames add to each symbol's vector, (length, count, width*), or None.
    """

    tables: Tables
    held: int
    followed: int
    label: Floats | None = None
    local: Floats | None = None

    @property
    def now(self) -> Floats:
        """The tables that are filled, (count, numbers)."""
        return self.tables.now

    @property
    def next(self) -> Floats:
        """Those that follow them."""
        return self.tables.next

    def part(self, begin: int, end: int) -> Self:
        """Return the job of some of its symbols, on the same arrays."""
        arrays = {name: getattr(self, name) for name in BY_SYMBOL}
        cut: dict[str, Any] = {
            name: None if one is None else one[begin:end] for name, one in arrays.items()
        }
        return replace(self, time=self.time + begin, **cut)
