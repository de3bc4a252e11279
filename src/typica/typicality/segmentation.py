"""All segmentations of a text into words: how many there are, and what they weigh together.

The probability of a text is the sum over its segmentations: one of them alone, such as the
canonical one of byte-pair encoding, gives a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from typica.core.errors import DataError


def count_segmentations(text: bytes, words: Collection[bytes]) -> int:
    """Return how many sequences of words spell a text, exactly, by dynamic programming."""
    known, longest = _vocabulary(words)
    ways = [1]
    for end in range(1, len(text) + 1):
        begins = range(max(0, end - longest), end)
        ways.append(sum(ways[begin] for begin in begins if text[begin:end] in known))
    return ways[-1]


def log_segmentations(text: bytes, words: Collection[bytes]) -> float:
    """Return the logarithm of their number in nats; minus infinity where words do not suffice."""
    count = count_segmentations(text, words)
    return math.log(count) if count else -math.inf


@dataclass(frozen=True)
class Unigram:
    """Words drawn one after another, each for itself, until the text ends.

    p(w_1 .. w_k) = end * product of (1 - end) p(w_i).

    Attributes:
        log_prob_word: Nats of every word; their probabilities sum to one.
        end: Probability that no word follows.

    Raises:
        DataError: The probabilities do not sum to one, a word is empty, or the end is impossible.
    """

    log_prob_word: Mapping[bytes, float]
    end: float

    def __post_init__(self) -> None:
        total = math.fsum(math.exp(nats) for nats in self.log_prob_word.values())
        if abs(total - 1) > 1e-9 or b"" in self.log_prob_word:
            raise DataError(f"words must be of a byte or more and sum to one: got {total:.6g}")
        if not 0 < self.end < 1:
            raise DataError(f"a text must be able to go on and to end: got end={self.end}")

    @classmethod
    def fit(cls, texts: Sequence[Sequence[bytes]], words: Collection[bytes]) -> Unigram:
        """Count words in segmented texts, each word half a time more, and ends likewise."""
        counts = dict.fromkeys(words, 0.5)
        for text in texts:
            for word in text:
                counts[word] += 1
        total = math.fsum(counts.values())
        length = sum(map(len, texts))
        end = (len(texts) + 0.5) / (len(texts) + length + 1)
        return cls({word: math.log(count / total) for word, count in counts.items()}, end)

    def log_prob_segmented(self, words: Sequence[bytes]) -> float:
        """Return the nats of a text in one segmentation: a lower bound of `log_prob`."""
        steps = math.fsum(self._price(word) for word in words)
        return steps + math.log(self.end)

    def log_prob(self, text: bytes) -> float:
        """Return the nats of a text, summed over all its segmentations by the forward algorithm."""
        forward = np.full(len(text) + 1, -np.inf)
        forward[0] = 0.0
        for end in range(1, len(text) + 1):
            begins = range(max(0, end - self._longest), end)
            paths = [forward[begin] + self._price(text[begin:end]) for begin in begins]
            forward[end] = np.logaddexp.reduce(paths)
        return float(forward[-1]) + math.log(self.end)

    @cached_property
    def _longest(self) -> int:
        return _vocabulary(self.log_prob_word)[1]

    def _price(self, word: bytes) -> float:
        return self.log_prob_word.get(word, -math.inf) + math.log1p(-self.end)


def _vocabulary(words: Collection[bytes]) -> tuple[frozenset[bytes], int]:
    """Return the words, each once, and the length of the longest."""
    known = frozenset(words)
    if b"" in known:
        raise DataError("a text has no end of segmentations into words one of which is empty")
    return known, max(map(len, known), default=0)
