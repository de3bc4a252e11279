"""Byte-pair encoding: a text as words that were merged from its most frequent neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from typica.core.errors import DataError

BYTES = 256
Pair = tuple[int, int]


@dataclass(frozen=True)
class BytePairEncoding:
    """Words by number: 0 to 255 are the bytes, 256 + i is what the merge of rank i makes.

    A text has many segmentations into these words, of which `encode` returns one, the canonical:
    what a model gives to it is less than what it gives to the text (see `segmentation`).

    Source: Sennrich et al., 2016, https://arxiv.org/abs/1508.07909, algorithm 1, on bytes.

    Attributes:
        merges: The pairs of words that are joined, by rank.

    Raises:
        DataError: A merge joins a word that is not there yet.
    """

    merges: tuple[Pair, ...] = ()
    is_lossless = True

    def __post_init__(self) -> None:
        for rank, pair in enumerate(self.merges):
            if not all(0 <= word < BYTES + rank for word in pair):
                raise DataError(
                    f"merge {rank} joins {pair}: words are numbered below {BYTES + rank}"
                )

    @classmethod
    def train(cls, texts: Sequence[bytes], merges: int) -> BytePairEncoding:
        """Merge the most frequent pair of neighbours, again and again.

        Of equally frequent pairs the one whose bytes come first is merged. It ends early where no
        pair comes twice.
        """
        pieces = [list(text) for text in texts]
        words = [bytes([byte]) for byte in range(BYTES)]
        learnt: list[Pair] = []
        while len(learnt) < merges:
            pairs = Counter(
                pair for piece in pieces for pair in zip(piece, piece[1:], strict=False)
            )
            best = min(pairs, key=lambda pair: (-pairs[pair], *_spelt(pair, words)), default=None)
            if best is None or pairs[best] < 2:
                break
            pieces = [_merge(piece, best, len(words)) for piece in pieces]
            words.append(words[best[0]] + words[best[1]])
            learnt.append(best)
        return cls(tuple(learnt))

    @cached_property
    def words(self) -> list[bytes]:
        """The bytes of every word, by number."""
        words = [bytes([byte]) for byte in range(BYTES)]
        for first, second in self.merges:
            words.append(words[first] + words[second])
        return words

    @cached_property
    def _rank(self) -> dict[Pair, int]:
        return {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}

    def encode(self, original: bytes) -> list[int]:
        """Return the canonical words of a text: of all pairs, that of the lowest rank first."""
        piece = list(original)
        while True:
            pairs = zip(piece, piece[1:], strict=False)
            rank = min((self._rank[pair] for pair in pairs if pair in self._rank), default=None)
            if rank is None:
                return piece
            piece = _merge(piece, self.merges[rank], BYTES + rank)

    def decode(self, code: Sequence[int]) -> bytes:
        """Return the text of words, canonical or not.

        Raises:
            DataError: There is no such word.
        """
        if any(not 0 <= word < len(self.words) for word in code):
            raise DataError(
                f"words are numbered from 0 to {len(self.words) - 1}: got another number"
            )
        return b"".join(self.words[word] for word in code)

    def log_volume(self, code: Sequence[int]) -> float:
        """Return 0: canonical words are of one text."""
        return 0.0


def _spelt(pair: Pair, words: Sequence[bytes]) -> tuple[bytes, bytes]:
    return words[pair[0]], words[pair[1]]


def _merge(piece: list[int], pair: Pair, word: int) -> list[int]:
    """Put a word for a pair wherever it stands, from the left."""
    merged: list[int] = []
    place = 0
    while place < len(piece):
        is_pair = tuple(piece[place : place + 2]) == pair
        merged.append(word if is_pair else piece[place])
        place += 2 if is_pair else 1
    return merged
