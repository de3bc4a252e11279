"""Representations of integer arrays: what is kept, what is lost, and how much that is.

Bits of a code are not bits of the original: the original costs log p(x | z) more. A representation
says what that is where all members of a fibre are equally likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from typica.core.errors import ConfigError, DataError
from typica.typicality.fibres import log_dropped, log_orders

Original = TypeVar("Original")
Code = TypeVar("Code")
Integers = NDArray[np.int64]


@runtime_checkable
class Representation(Protocol[Original, Code]):
    """A map from originals to codes: every original has one code, a code perhaps many originals."""

    @property
    def is_lossless(self) -> bool:
        """Whether `decode` undoes `encode`."""

    def encode(self, original: Original) -> Code:
        """Return the code."""

    def decode(self, code: Code) -> Original:
        """Return an original of that code: the only one where nothing is lost."""

    def log_volume(self, code: Code) -> float | NDArray[np.float64] | None:
        """Return the logarithm of the number of originals of a code, in nats, for each example.

        None where it is not known, as of learnt codes: never 0, which says that nothing is lost.
        """


class Parts(NamedTuple):
    """A code, and what it does not say of the original."""

    code: Integers
    residual: Integers


@dataclass(frozen=True)
class DroppedBits:
    """The most significant bits of each value: x = 2^k z + r, with 2^k values of r.

    Attributes:
        bits: How many are dropped, k.
        depth: Bits of an original value, as in 8 for pixels.

    Raises:
        ConfigError: More bits are dropped than there are.
    """

    bits: int
    depth: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= self.depth:
            raise ConfigError(
                f"of {self.depth} bits 0 to {self.depth} are dropped: not {self.bits}"
            )

    @property
    def is_lossless(self) -> bool:
        """Whether no bit is dropped."""
        return self.bits == 0

    def encode(self, original: Integers) -> Integers:
        """Drop bits of values in [0, 2^depth), any shape."""
        return _integers(original, 1 << self.depth) >> self.bits

    def decode(self, code: Integers) -> Integers:
        """Return the middles of the steps that codes stand for, any shape."""
        steps = _integers(code, 1 << (self.depth - self.bits)) << self.bits
        return steps + ((1 << self.bits) >> 1)

    def log_volume(self, code: Integers) -> NDArray[np.float64]:
        """Return k ln 2 a value: codes (..., values) to nats (...,)."""
        return np.full(code.shape[:-1], log_dropped(self.bits, code.shape[-1]))

    def decompose(self, original: Integers) -> Parts:
        """Return the bits kept and the bits dropped, each of the original's shape."""
        values = _integers(original, 1 << self.depth)
        return Parts(self.encode(values), values & ((1 << self.bits) - 1))

    def compose(self, parts: Parts) -> Integers:
        """Undo `decompose`."""
        return (parts.code << self.bits) + parts.residual


@dataclass(frozen=True)
class Ordered:
    """The values without their order, as they come when sorted: n! / (m_1! m_2! ...) originals."""

    is_lossless = False

    def encode(self, original: Integers) -> Integers:
        """Sort the values of each example, shape (..., values)."""
        return np.sort(_integers(original), axis=-1)

    def decode(self, code: Integers) -> Integers:
        """Return the sorted values themselves: one of the orders."""
        return code

    def log_volume(self, code: Integers) -> NDArray[np.float64]:
        """Return the logarithm of the number of orders: codes (..., values) to nats (...,)."""
        place = np.broadcast_to(np.arange(code.shape[-1]), code.shape)
        is_first = np.ones(code.shape, bool)
        is_first[..., 1:] = code[..., 1:] != code[..., :-1]
        # How many of the same value came until here: over a run of m their product is m!.
        come = place - np.maximum.accumulate(np.where(is_first, place, 0), axis=-1) + 1
        return gammaln(code.shape[-1] + 1.0) - np.log(come).sum(-1)

    def decompose(self, original: Integers) -> Parts:
        """Return the sorted values, and for each original value its place among them."""
        order = np.argsort(_integers(original), axis=-1, kind="stable")
        return Parts(self.encode(original), np.argsort(order, axis=-1))

    def compose(self, parts: Parts) -> Integers:
        """Undo `decompose`."""
        return np.take_along_axis(parts.code, parts.residual, axis=-1)


@dataclass(frozen=True)
class SymbolCounts:
    """How often each symbol comes: what the number of heads is to a sequence of tosses.

    Attributes:
        symbols: How many there are: 0, 1, ..., symbols - 1.
    """

    symbols: int
    is_lossless = False

    def encode(self, original: Integers) -> Integers:
        """Count the symbols of each example: (..., values) to (..., symbols)."""
        values = _integers(original, self.symbols)
        rows = values.reshape(-1, values.shape[-1])
        counts = np.zeros((len(rows), self.symbols), np.int64)
        np.add.at(counts, (np.arange(len(rows))[:, None], rows), 1)
        return counts.reshape(*values.shape[:-1], self.symbols)

    def decode(self, code: Integers) -> Integers:
        """Return the symbols in rising order: (..., symbols) to (..., values).

        Raises:
            DataError: The examples are not equally long.
        """
        lengths = np.unique(code.sum(-1))
        if len(lengths) != 1:
            raise DataError(f"counts of one length can be decoded together: got {lengths.tolist()}")
        rows = code.reshape(-1, self.symbols)
        symbols = np.tile(np.arange(self.symbols), len(rows))
        return np.repeat(symbols, rows.reshape(-1)).reshape(*code.shape[:-1], int(lengths[0]))

    def log_volume(self, code: Integers) -> NDArray[np.float64]:
        """Return the logarithm of the number of orders: counts (..., symbols) to nats (...,)."""
        return log_orders(code)


def _integers(values: NDArray, stop: int | None = None) -> Integers:
    """Return values as int64, refused where they are none or lie outside [0, stop)."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise DataError(f"a representation of integers got {values.dtype}: quantise it first")
    values = values.astype(np.int64)
    if stop is not None and values.size and not 0 <= values.min() <= values.max() < stop:
        raise DataError(
            f"values must lie in [0, {stop}): got {int(values.min())} to {int(values.max())}"
        )
    return values
