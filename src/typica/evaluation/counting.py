"""Baselines that count: how often each level comes, and after which."""

from __future__ import annotations

import numpy as np

LARGEST_TABLE = 1024  # levels; beyond, a table of pairs is never filled and does not fit
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # pseudo-counts tried for each row of the table


class Uniform:
    """Every level is equally likely."""

    name = "uniform"

    def __init__(self, levels: int) -> None:
        self.price = float(np.log2(levels))

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]`."""
        return self.price * (len(codes) - begin)


class Unigram:
    """Each level has its share in the training recordings, each counted half a time more.

    Source: Krichevsky and Trofimov 1981, for the half.
    """

    name = "unigram"

    def __init__(self, counts: np.ndarray) -> None:
        """Fit it to the number of times each level came, shape (levels,)."""
        self.prices = -np.log2((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]`."""
        return float(self.prices[codes[begin:]].sum())


class Markov:
    """Each level depends on the one before it.

    p(b | a) = (n(a, b) + s u(b)) / (n(a) + s), with n the counts of pairs, u the unigram's
    shares and s the strength under which the training pairs, each left out in turn, cost least.
    """

    name = "first-order Markov"

    def __init__(self, pairs: np.ndarray) -> None:
        """Fit it to the number of times each pair came, shape (levels, levels)."""
        counts = pairs.sum(0)
        shares = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
        self.strength = min(STRENGTHS, key=lambda strength: _left_out(pairs, shares, strength))
        self.prices = -np.log2(_smoothed(pairs, shares, self.strength)).astype(np.float32)

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]`, `begin` at least 1, given the level before each."""
        return float(self.prices[codes[begin - 1 : -1], codes[begin:]].sum(dtype=np.float64))


def _smoothed(pairs: np.ndarray, shares: np.ndarray, strength: float) -> np.ndarray:
    return (pairs + strength * shares) / (pairs.sum(1, keepdims=True) + strength)


def _left_out(pairs: np.ndarray, shares: np.ndarray, strength: float) -> float:
    """Return the nats of all pairs, each priced by the table without it."""
    rows, columns = np.nonzero(pairs)
    count, row = pairs[rows, columns], pairs.sum(1)[rows]
    without = (count - 1 + strength * shares[columns]) / (row - 1 + strength)
    return float(-(count * np.log(without)).sum())


def count_pairs(codes: np.ndarray, levels: int) -> np.ndarray:
    """Return how often each level follows each, shape (levels, levels), rows before columns."""
    pairs = codes[:-1].astype(np.int64) * levels + codes[1:]
    return np.bincount(pairs, minlength=levels**2).reshape(levels, levels)
