"""Has a tune been heard before? The longest stretch of it that stands in a tune of a collection."""

from __future__ import annotations

from bisect import bisect_right
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
        self._tokens: list[str | None] = []  # of all tunes, one behind the other
        self._starts: list[int] = []
        # By their hashes: two that share one are compared anyway.
        self._places: dict[int, list[int]] = defaultdict(list)
        for tune in tunes:
            self._starts.append(len(self._tokens))
            self._add(body(tune))

    def _add(self, tokens: list[str]) -> None:
        begin = len(self._tokens)
        self._tokens += [*tokens, None]  # no stretch goes beyond a tune
        for start in range(len(tokens) - SHORTEST + 1):
            self._places[hash(tuple(tokens[start : start + SHORTEST]))].append(begin + start)

    def longest_copy(self, tokens: Sequence[str]) -> Copy:
        """Return the longest stretch of a tune that stands in the collection."""
        looked_up = body(tokens)
        found, best = 0, Copy(-1, 0, 0)
        for start in range(len(looked_up) - SHORTEST + 1):
            # A longer stretch than the best that begins here holds this one, at its end.
            last = start + max(SHORTEST, best.length + 1)
            if last > len(looked_up):
                break
            key = hash(tuple(looked_up[last - SHORTEST : last]))
            for place in self._places.get(key, ()):
                begin = place - (last - SHORTEST - start)
                length = self._shared(looked_up, start, begin)
                if length > max(best.length, SHORTEST - 1):
                    found, best = begin, Copy(0, start, length)
        return best._replace(tune=bisect_right(self._starts, found) - 1) if best.length else best

    def _shared(self, tokens: list[str], start: int, place: int) -> int:
        """Return how far two stretches are the same from their beginnings on."""
        length = 0
        if place >= 0:
            while (
                start + length < len(tokens)
                and self._tokens[place + length] == tokens[start + length]
            ):
                length += 1
        return length


def body(tokens: Sequence[str]) -> list[str]:
    """Return the tokens of a tune without its header."""
    return [token for token in tokens if token_type(token) not in _HEADER]
