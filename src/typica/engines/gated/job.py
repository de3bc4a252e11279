"""What a kernel of gated networks is given beside what all are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from typica.engines import job
from typica.engines.job import Floats


@dataclass(kw_only=True)
class Job(job.Job):
    """A block of draws of a gated network.

    Attributes:
        recent: The last symbols read, a ring (recent*, count): symbol t lies at t modulo its size.
        rings: Past inputs of each layer, one layer's (memory, count, channels*) after another's.
        context_rings: Those of the context network.
        now: Words of the context network, (count, context*).
        label: Vectors of classes, (count, label), or None.
        local: The local condition at each sample, (length, count, local), or None.
        ancestors: Of searches, or None: streams that were each stream's past, a ring
            (more than the longest memory, count), int32: time t lies at t modulo its size. The
            state's own arrays stay where they are when hypotheses leave and split.
        context_ancestors: The same of the context network's frames.
        scores: Log-probabilities of hypotheses, float64, (count,), for a beam search, else None.
        parents: Where the streams go that hypotheses go on from, int32, (length, count), or None.
    """

    recent: Floats
    rings: Floats
    context_rings: Floats
    now: Floats
    label: Floats | None = None
    local: Floats | None = None
    ancestors: NDArray[np.int32] | None = None
    context_ancestors: NDArray[np.int32] | None = None
    scores: NDArray[np.float64] | None = None
    parents: NDArray[np.int32] | None = None

    @property
    def ancestry(self) -> int:
        """Times that the ring of ancestors holds."""
        return 0 if self.ancestors is None else len(self.ancestors)

    @property
    def context_ancestry(self) -> int:
        """Frames that the context network's holds."""
        return 0 if self.context_ancestors is None else len(self.context_ancestors)
