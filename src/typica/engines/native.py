"""Kernels in C++: a text compiled for one network's shapes and one processor, and how it is called.

Of a kind of network a kernel says where its text lies, how its weights are laid out, and what its
jobs hold beside what all do.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from typica.engines import build
from typica.engines.header import header, pointer
from typica.engines.job import TURNS, Job
from typica.engines.memory import streaming
from typica.engines.packing import VECTORS, Layout, Weights

_ARRAYS = (
    *("forced", "uniforms", "previous", "symbols", "outputs"),
    *("log_prob", "log_draw", "entropy", "varentropy", "program", "memory"),
)
_NUMBERS = ("time", "length", "count", "turns", "numbers")


class NativeKernel(ABC):
    """Runs streams of a network.

    Attributes:
        text: The kernel's text in this package.
        arrays: Arrays of its jobs beside those of all, in the order of its `Call`.
        whole_numbers: Whole numbers of its jobs, which stand behind them.
        name: What computes.
        shapes: Constants of the network: see `Layout.shapes`.
        bytes: Of weights, biases and tables.

    Raises:
        NoCompilerError: There is no C++ compiler that works.
    """

    measures = True
    searches = False
    turns: tuple[str, ...] = TURNS
    text: ClassVar[str]
    arrays: ClassVar[tuple[str, ...]]
    whole_numbers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, network: Any, weights: Weights) -> None:
        lanes = build.lanes()
        layout = self.lay_out(network, 2 * lanes, weights)
        self.shapes = layout.shapes
        self.name = f"C++, {weights}, {VECTORS[lanes]}"
        self._library = build.library(header(weights, layout.shapes) + build.text(self.text))
        self._matrices, self._fixed = streaming(layout.matrices.values, layout.fixed.values)
        self.bytes = self._fixed.nbytes + self._matrices.nbytes
        self._call = _call_type(self.arrays, self.whole_numbers)

    @abstractmethod
    def lay_out(self, network: Any, pad: int, kind: Weights) -> Layout:
        """Lay out a network; widths are padded to multiples of `pad`."""

    def run(self, job: Job, begin: int, end: int) -> None:
        """Draw the block that a job describes, of the streams from `begin` to `end`.

        Other streams' parts of the job are not touched: threads may share one.
        """
        arrays = {name: pointer(getattr(job, name)) for name in (*_ARRAYS, *self.arrays)}
        whole = {name: getattr(job, name) for name in (*_NUMBERS, *self.whole_numbers)}
        call = self._call(
            fixed=pointer(self._fixed),
            weights=pointer(self._matrices),
            begin=begin,
            end=end,
            temperature=job.temperature,
            **arrays,
            **whole,
        )
        self._library.draw(ctypes.byref(call))


class _Block(ctypes.Structure):
    """`Block` of block.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("fixed", "weights", *_ARRAYS)),
        *((name, ctypes.c_int64) for name in (*_NUMBERS, "begin", "end")),
        ("temperature", ctypes.c_float),
    ]


def _call_type(arrays: tuple[str, ...], whole_numbers: tuple[str, ...]) -> type[ctypes.Structure]:
    """Return the `Call` of a kernel's text."""
    own = [
        *((name, ctypes.c_void_p) for name in arrays),
        *((name, ctypes.c_int64) for name in whole_numbers),
    ]
    return type("Call", (_Block,), {"_fields_": own})
