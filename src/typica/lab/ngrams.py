"""Models of n-grams, smoothed after Witten and Bell: what a network must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class NGrams:
    """Counts of n-grams, interpolated: p(w | h) = (c(hw) + t(h) p(w | h')) / (c(h) + t(h)).

    t(h) is the number of different symbols that followed h, h' is h without its first symbol, and
    at the bottom all symbols are equally likely. Sequences begin after symbols that do not occur.

    Source: Witten and Bell 1991, method C, in the interpolated form.

    Args:
        sequences: To count, each (length,), symbols from 0.
        order: Of the longest n-grams: 1 counts symbols alone.
        symbols: How many there are.
    """

    def __init__(self, sequences: Sequence[NDArray], order: int, symbols: int) -> None:
        if (symbols + 1) ** order > np.iinfo(np.int64).max:
            raise ValueError(f"{symbols} symbols to the power {order} cannot be told apart")
        self.order, self.symbols = order, symbols
        self._tables = [self._count(sequences, size) for size in range(1, order + 1)]

    def log_prob(self, sequence: NDArray) -> NDArray:
        """Return the log-probability of each symbol given those before it, in nats, (length,)."""
        probability = np.full(len(sequence), 1 / self.symbols)
        for size, (grams, counts, histories, totals, kinds) in enumerate(self._tables, start=1):
            whole = self._codes(sequence, size)
            past = whole // (self.symbols + 1)
            count = _look_up(grams, counts, whole)
            total, kind = _look_up(histories, totals, past), _look_up(histories, kinds, past)
            mixed = (count + kind * probability) / np.maximum(total + kind, 1)
            probability = np.where(total > 0, mixed, probability)
        return np.log(probability)

    def _count(self, sequences: Sequence[NDArray], size: int) -> tuple[NDArray, ...]:
        codes = np.concatenate([self._codes(sequence, size) for sequence in sequences])
        grams, counts = np.unique(codes, return_counts=True)
        histories, where = np.unique(grams // (self.symbols + 1), return_inverse=True)
        totals = np.bincount(where, counts).astype(np.int64)
        return grams, counts, histories, totals, np.bincount(where)

    def _codes(self, sequence: NDArray, size: int) -> NDArray:
        """Return a number for each symbol with the `size - 1` before it."""
        padded = np.concatenate([np.full(size - 1, self.symbols), sequence]).astype(np.int64)
        codes = np.zeros(len(sequence), np.int64)
        for shift in range(size):
            codes = codes * (self.symbols + 1) + padded[shift : shift + len(sequence)]
        return codes


def _look_up(keys: NDArray, values: NDArray, wanted: NDArray) -> NDArray:
    """Return the value of each key that is wanted; 0 for one that there is not."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def nats_per_symbol(model: NGrams, sequences: Sequence[NDArray]) -> float:
    """Return what a model pays for sequences, in nats per symbol."""
    paid = [model.log_prob(sequence) for sequence in sequences]
    return -float(np.concatenate(paid).mean())
