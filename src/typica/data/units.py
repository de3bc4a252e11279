"""Grouping recordings into units of work, each of which becomes one shard."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from typica.data.source import Item

UNIT_BYTES = 32 << 20  # the mean: some seconds of work, which an interruption may cost
UNIT_ITEMS = 256
LARGEST = 4  # times the mean
FORMAT = 1  # raised when the same source would be prepared into something else


class Settings(NamedTuple):
    """How recordings are prepared.

    Attributes:
        rate: Sampling rate in hertz of the prepared audio.
        normalise: "peak" scales each recording to a peak of 0.99; "none" leaves levels alone.
        minimum_s: Seconds below which a recording is refused.
    """

    rate: int = 16000
    normalise: Literal["peak", "none"] = "peak"
    minimum_s: float = 0.5


class Unit(NamedTuple):
    """Recordings that share a shard.

    Attributes:
        name: Of the shard: a hash of all that decides what is in it.
        items: The recordings in their order.
    """

    name: str
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes to read."""
        return sum(item.size for item in self.items)


def group(items: Iterable[Item], settings: Settings) -> list[Unit]:
    """Group recordings, those given in order of their ids.

    Whether a unit ends after a recording depends on that recording alone (but for a largest
    size): a recording added, removed or changed leaves all units but its own as they were.
    """
    return [
        Unit(_hash(repr((FORMAT, tuple(settings), part))).hexdigest(), part) for part in _cut(items)
    ]


def _cut(items: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    part: list[Item] = []
    share = 0.0
    for item in items:
        part.append(item)
        weight = max(item.size / UNIT_BYTES, 1 / UNIT_ITEMS)
        share += weight
        if uniform(item.id) < weight or share >= LARGEST:
            yield tuple(part)
            part, share = [], 0.0
    if part:
        yield tuple(part)


def uniform(text: str) -> float:
    """Return a number in [0, 1) that a text decides, as if drawn at random."""
    return int.from_bytes(_hash(text).digest()[:8]) / 2**64


def _hash(text: str) -> hashlib.blake2b:
    # The name of a file need not be valid text.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
