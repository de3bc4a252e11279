"""The kernel of recurrent tiers in C++: compiled for one network's shapes and one processor."""

from __future__ import annotations

import ctypes

from typica.engines import build
from typica.engines.header import header, pointer
from typica.engines.job import TURNS
from typica.engines.memory import streaming
from typica.engines.packing import VECTORS, Weights
from typica.engines.recurrent.job import Job
from typica.engines.recurrent.layout import lay_out
from typica.layers.recurrent_network import RecurrentNetwork


class RecurrentKernel:
    """Runs streams of a network.

    Attributes:
        name: What computes.
        shapes: Constants of the network: see `Layout.shapes`.
        bytes: Of weights, biases and tables.

    Raises:
        NoCompilerError: There is no C++ compiler that works.
    """

    measures = True
    searches = False
    turns: tuple[str, ...] = TURNS

    def __init__(self, network: RecurrentNetwork, weights: Weights) -> None:
        lanes = build.lanes()
        layout = lay_out(network, 2 * lanes, weights)
        self.shapes = layout.shapes
        self.name = f"C++, {weights}, {VECTORS[lanes]}"
        text = header(weights, layout.shapes) + build.text("recurrent/kernel.cpp")
        self._library = build.library(text)
        self._matrices, self._fixed = streaming(layout.matrices.values, layout.fixed.values)
        self.bytes = self._fixed.nbytes + self._matrices.nbytes

    def run(self, job: Job, begin: int, end: int) -> None:
        """Draw the block that a job describes, of the streams from `begin` to `end`.

        Other streams' parts of the job are not touched: threads may share one.
        """
        call = _Call(
            fixed=pointer(self._fixed),
            weights=pointer(self._matrices),
            time=job.time,
            length=job.symbols.shape[0],
            count=job.symbols.shape[1],
            begin=begin,
            end=end,
            temperature=job.temperature,
            turns=0 if job.program is None else len(job.program),
            numbers=0 if job.memory is None else job.memory.shape[1],
            **{name: pointer(getattr(job, name)) for name in _ARRAYS},
        )
        self._library.draw(ctypes.byref(call))


_ARRAYS = (
    *("label", "forced", "uniforms", "recent", "hidden", "cell", "words", "previous"),
    *("symbols", "outputs", "log_prob", "log_draw", "entropy", "varentropy", "program", "memory"),
)


class _Call(ctypes.Structure):
    """`Call` of kernel.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("fixed", "weights", *_ARRAYS)),
        *((name, ctypes.c_int64) for name in ("time", "length", "count", "begin", "end")),
        *((name, ctypes.c_int64) for name in ("turns", "numbers")),
        ("temperature", ctypes.c_float),
    ]
