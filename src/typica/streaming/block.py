"""What a performance is made of: blocks of sound, with what the monitor read and did in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Block(NamedTuple):
    """A stretch of a stream.

    Attributes:
        audio: Mono amplitudes in [-1, 1], shape (samples,).
        at: Number of its first sample, counted from the beginning of the stream.
        reading: What the monitor reads at its end, by name; empty without a monitor.
        events: The interventions in it, as `{"at": sample, "kind": "silence", "text": ...}`.
    """

    audio: NDArray[np.float32]
    at: int
    reading: Mapping[str, float]
    events: Sequence[Mapping[str, object]]


class Performance(Protocol):
    """An iterator of blocks, endless or not.

    Attributes:
        rate: Hertz.
    """

    rate: int

    def __iter__(self) -> Iterator[Block]: ...

    def __next__(self) -> Block: ...

    def close(self) -> None:
        """Let go of what it holds; it is not asked for blocks after that."""
