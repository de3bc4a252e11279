"""Products of small matrices in numba, with the registers of this machine told by hand.

numba's arrays count who refers to them, and its loops keep sums in memory. Here memory is reached
by addresses, and LLVM is given tiles of vectors, as kernel.cpp gives them to a C++ compiler: every
weight that is loaded serves all rows of a tile, whose sums stay in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import extending, njit, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic  # its arguments are types here and values where it is called

# No division raises, and Python calls none of the inner functions: loops become vectors, and
# compiling is quicker.
INNER: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
CONTRACT = {"contract"}  # a product and a sum may be one instruction; nothing else is reordered
PANEL = 64  # columns of a whole panel; see layout.py
TILE = 4  # rows that share the weights of a pair of vectors

Address = int  # of float32, or of int64 where it is of places


def _lanes() -> int:
    """Return how many float32 a vector of this processor holds."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx") else 4


LANES = _lanes()
PAIR = 2 * LANES
_FLOAT, _PLACE = ir.FloatType(), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)


@intrinsic
def get(typing: Any, base: Any, at: Any) -> Any:
    """Return the float32 that lies `at` floats behind an address."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_pointer(builder, given[0], given[1], _FLOAT))

    return types.float32(types.int64, types.int64), code


@intrinsic
def put(typing: Any, base: Any, at: Any, value: Any) -> Any:
    """Write a float32 `at` floats behind an address."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[2], _pointer(builder, given[0], given[1], _FLOAT))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), code


@intrinsic
def get_place(typing: Any, base: Any, at: Any) -> Any:
    """Return the int64 that lies `at` integers behind an address."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_pointer(builder, given[0], given[1], _PLACE))

    return types.int64(types.int64, types.int64), code


@intrinsic
def power_of_two(typing: Any, shifted: Any) -> Any:
    """Return 2 to the n of a float32 whose lowest bits are n."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.shl(builder.bitcast(given[0], word), ir.Constant(word, 23))
        return builder.bitcast(builder.add(bits, ir.Constant(word, 127 << 23)), _FLOAT)

    return types.float32(types.float32), code


def _pointer(builder: Any, base: Any, at: Any, kind: Any) -> Any:
    return builder.gep(builder.inttoptr(base, kind.as_pointer()), [at])


def _tile(rows: int, vectors: int, sets: int) -> Callable[..., None]:
    """Return y += x W for `rows` rows and `vectors` vectors of columns.

    It takes addresses and places behind them: w, w_at and the floats from one row of W to the
    next; x, x_at and the same of x; y, y_at and the same of y; the number of inputs.

    Args:
        rows: Rows of x and y.
        vectors: Vectors of columns.
        sets: Sums that are kept of each, to hide the latency of a multiplication.
    """

    @intrinsic
    def tile(
        typing: Any,
        w: Any,
        w_at: Any,
        w_step: Any,
        x: Any,
        x_at: Any,
        x_step: Any,
        y: Any,
        y_at: Any,
        y_step: Any,
        inputs: Any,
    ) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            _Tile(builder, rows, vectors, sets).write(given)
            return context.get_dummy_value()

        return types.void(*(types.int64,) * 10), code

    return tile


@dataclass(frozen=True)
class _Tile:
    """Writes the code of a tile; sums are variables, which LLVM keeps in registers."""

    builder: Any
    rows: int
    vectors: int
    sets: int

    def write(self, given: Any) -> None:
        w, w_at, w_step, x, x_at, x_step, y, y_at, y_step, inputs = given
        weights = _pointer(self.builder, w, w_at, _FLOAT)
        sources, targets = self._rows(x, x_at, x_step), self._rows(y, y_at, y_step)
        sums = [self._sums(None if more else targets) for more in range(self.sets)]
        sets, zero, one = (_number(value) for value in (self.sets, 0, 1))
        whole = self.builder.mul(self.builder.sdiv(inputs, sets), sets)
        with cgutils.for_range_slice(self.builder, zero, whole, sets) as (k, _):
            for i in range(self.sets):
                self._add(weights, w_step, sources, self.builder.add(k, _number(i)), sums[i])
        with cgutils.for_range_slice(self.builder, whole, inputs, one) as (k, _):
            self._add(weights, w_step, sources, k, sums[0])
        self._store(sums, targets)

    def _rows(self, base: Any, at: Any, step: Any) -> list[Any]:
        """Return where each row begins."""
        add, mul = self.builder.add, self.builder.mul
        starts = (add(at, mul(step, _number(row))) for row in range(self.rows))
        return [_pointer(self.builder, base, start, _FLOAT) for start in starts]

    def _sums(self, targets: list[Any] | None) -> list[list[Any]]:
        """Return variables of sums that begin as what is there, or as zero."""
        sums = []
        for row in range(self.rows):
            own = [cgutils.alloca_once(self.builder, _VECTOR) for _ in range(self.vectors)]
            for vector, variable in enumerate(own):
                zero = ir.Constant(_VECTOR, None)
                first = self._load(targets[row], vector) if targets else zero
                self.builder.store(first, variable)
            sums.append(own)
        return sums

    def _add(self, weights: Any, step: Any, sources: Any, k: Any, sums: Any) -> None:
        """Add what input `k` brings."""
        builder = self.builder
        begin = builder.gep(weights, [builder.mul(k, step)])
        loaded = [self._load(begin, vector) for vector in range(self.vectors)]
        for source, own in zip(sources, sums, strict=True):
            by = _broadcast(builder, builder.load(builder.gep(source, [k])))
            for weight, variable in zip(loaded, own, strict=True):
                product = builder.fmul(weight, by, flags=("contract",))
                total = builder.fadd(builder.load(variable), product, flags=("contract",))
                builder.store(total, variable)

    def _store(self, sums: Any, targets: Any) -> None:
        for row, target in enumerate(targets):
            for vector in range(self.vectors):
                total, *more = (self.builder.load(own[row][vector]) for own in sums)
                for part in more:
                    total = self.builder.fadd(total, part)
                self.builder.store(total, self._vector(target, vector), align=4)

    def _load(self, row: Any, vector: int) -> Any:
        return self.builder.load(self._vector(row, vector), align=4)

    def _vector(self, row: Any, vector: int) -> Any:
        at = self.builder.gep(row, [_number(vector * LANES)])
        return self.builder.bitcast(at, _VECTOR.as_pointer())


def _number(value: int) -> Any:
    return ir.Constant(_PLACE, value)


def _broadcast(builder: Any, value: Any) -> Any:
    """Return a vector of one value."""
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
    return builder.shuffle_vector(first, empty, zeros)


_row_of_panel = _tile(1, PANEL // LANES, max(1, LANES // 8))
_row_of_pair = _tile(1, 2, 4)
_rows_of_pair = _tile(TILE, 2, 1)


@njit(**INNER)
def _one_row(
    w: Address, at: int, width: int, x: Address, x_at: int, y: Address, y_at: int, inputs: int
) -> None:
    """One row by one panel."""
    if width == PANEL:
        _row_of_panel(w, at, width, x, x_at, 0, y, y_at, 0, inputs)
        return
    for column in range(0, width, PAIR):
        _row_of_pair(w, at + column, width, x, x_at, 0, y, y_at + column, 0, inputs)


@njit(**INNER)
def multiply(
    w: Address,
    w_at: int,
    inputs: int,
    outputs: int,
    x: Address,
    x_at: int,
    x_step: int,
    y: Address,
    y_at: int,
    y_step: int,
    rows: int,
) -> None:
    """Add x W to y for `rows` rows, `step` floats apart; W lies in panels: see layout.py."""
    for column in range(0, outputs, PANEL):
        width = min(PANEL, outputs - column)
        panel, to = w_at + column * inputs, y_at + column
        tiled = rows // TILE * TILE
        for row in range(0, tiled, TILE):
            for i in range(0, width, PAIR):
                _rows_of_pair(
                    *(w, panel + i, width, x, x_at + row * x_step, x_step),
                    *(y, to + row * y_step + i, y_step, inputs),
                )
        for row in range(tiled, rows):
            _one_row(w, panel, width, x, x_at + row * x_step, y, to + row * y_step, inputs)
