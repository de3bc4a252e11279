"""A part of a recording."""

from __future__ import annotations

from typing import NamedTuple

from typica.data.corpus import Recording


class Stretch(NamedTuple):
    """Samples `start` to `stop` of a recording."""

    recording: Recording
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of samples."""
        return self.stop - self.start
