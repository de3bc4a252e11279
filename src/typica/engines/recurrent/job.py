"""What a kernel of recurrent tiers is given beside what all are."""

from __future__ import annotations

from dataclasses import dataclass

from typica.engines import job
from typica.engines.job import Floats


@dataclass(kw_only=True)
class Job(job.Job):
    """A block of draws of recurrent tiers.

    Attributes:
        recent: The last symbols read, a ring (longest frame, count): symbol t lies at t modulo its
            size.
        hidden: States of the layers, (tiers, layers, count, width*).
        cell: The same of LSTMs, or None.
        words: What each tier says, one tier's (count, ratio, width*) after another's.
        label: What the class adds to each tier's input, (count, tiers, width*), or None.
    """

    recent: Floats
    hidden: Floats
    cell: Floats | None
    words: Floats
    label: Floats | None = None
