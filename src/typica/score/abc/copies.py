"""Has a tune been heard before? The longest stretch of it that stands in a tune of a collection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from typica.score.abc.tokens import token_type

SHORTEST = 8  # tokens; shorter stretches are common to all tunes
_HEADER = ("transcription", "meter", "unit", "key")


class Copy(NamedTuple):
    """A stretch that a tune shares with one of the collection.

    Attributes:
        tune: Number of that tune.
        start: Where it begins in the tune that was looked up, in tokens of its body.
        length: In tokens; 0 where nothing of at least `SHORTEST` is shared.
    """

    tune: int
    start: int
    length: int


class Collection:
    """Tunes by all their stretches.

    Headers are of no account, and so are keys: the same letters are the same stretch.

    Args:
        tunes: Each as its tokens.
    """

    def __init__(self, tunes: Sequence[Sequence[str]]) -> None:
        self._bodies = [body(tune) for tune in tunes]
        self._places: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        for number, tokens in enumerate(self._bodies):
            for start in range(len(tokens) - SHORTEST + 1):
                self._places[tuple(tokens[start : start + SHORTEST])].append((number, start))

    def longest_copy(self, tokens: Sequence[str]) -> Copy:
        """Return the longest stretch of a tune that stands in the collection."""
        looked_up = body(tokens)
        best = Copy(-1, 0, 0)
        for start in range(len(looked_up) - SHORTEST + 1):
            # A stretch that begins here and is to be the longest must hold this one, at its end.
            last = start + max(SHORTEST, best.length + 1)
            if last > len(looked_up):
                break
            key = tuple(looked_up[last - SHORTEST : last])
            for number, place in self._places.get(key, ()):
                length = self._shared(looked_up, start, number, place - (last - SHORTEST - start))
                if length > best.length:
                    best = Copy(number, start, length)
        return best

    def _shared(self, tokens: list[str], start: int, number: int, place: int) -> int:
        """Return how far two stretches are the same from their beginnings on."""
        if place < 0:
            return 0
        length = 0
        for one, other in zip(tokens[start:], self._bodies[number][place:], strict=False):
            if one != other:
                break
            length += 1
        return length if length >= SHORTEST else 0


def body(tokens: Sequence[str]) -> list[str]:
    """Return the tokens of a tune without its header."""
    return [token for token in tokens if token_type(token) not in _HEADER]
