"""The kernel of gated networks in C++: compiled for one network's shapes and one processor."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from numpy.typing import NDArray

from typica.engines import build
from typica.engines.gated.job import Job
from typica.engines.gated.layout import Layout, Weights, lay_out
from typica.engines.gated.memory import streaming
from typica.layers.gated_network import GatedNetwork

TURNS = ("temperature", "top-k", "nucleus", "typical", "epsilon", "eta", "min-p", "mirostat")
"""Turns of a strategy that strategy.cpp knows, in the order of its `Turn`."""

VECTORS = {4: "128 bits", 8: "AVX2", 16: "AVX-512"}


class NativeKernel:
    """Runs streams of a network.

    Attributes:
        name: What computes.
        shapes: Constants of the network: see `Layout.shapes`.
        bytes: Of weights, biases and tables.

    Raises:
        NoCompilerError: There is no C++ compiler that works.
    """

    measures = True
    searches = True
    turns: tuple[str, ...] = TURNS

    def __init__(self, network: GatedNetwork, weights: Weights) -> None:
        lanes = build.lanes()
        layout = lay_out(network, 2 * lanes, weights)
        self.shapes = layout.shapes
        self.name = f"C++, {weights}, {VECTORS[lanes]}"
        self._library = build.library(header(layout) + _text())
        self._matrices, self._fixed = streaming(layout.matrices.values, layout.fixed.values)
        self.bytes = self._fixed.nbytes + self._matrices.nbytes

    def run(self, job: Job, begin: int, end: int) -> None:
        """Draw the block that a job describes, of the streams from `begin` to `end`.

        Other streams' parts of the job are not touched: threads may share one.
        """
        call = _Call(
            fixed=_pointer(self._fixed),
            weights=_pointer(self._matrices),
            time=job.time,
            length=job.symbols.shape[0],
            count=job.symbols.shape[1],
            begin=begin,
            end=end,
            temperature=job.temperature,
            ancestry=0 if job.ancestors is None else len(job.ancestors),
            context_ancestry=0 if job.context_ancestors is None else len(job.context_ancestors),
            width=job.width,
            turns=0 if job.program is None else len(job.program),
            numbers=0 if job.memory is None else job.memory.shape[1],
            **{name: _pointer(getattr(job, name)) for name in _ARRAYS},
        )
        self._library.draw(ctypes.byref(call))


_ARRAYS = (
    *("label", "local", "forced", "uniforms", "recent", "rings", "context_rings", "now"),
    *("previous", "symbols", "outputs", "log_prob", "log_draw", "entropy", "varentropy"),
    *("ancestors", "context_ancestors", "scores", "parents", "program", "memory"),
)


class _Call(ctypes.Structure):
    """`Call` of kernel.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("fixed", "weights", *_ARRAYS)),
        *((name, ctypes.c_int64) for name in ("time", "length", "count", "begin", "end")),
        *((name, ctypes.c_int64) for name in ("ancestry", "context_ancestry", "width")),
        *((name, ctypes.c_int64) for name in ("turns", "numbers")),
        ("temperature", ctypes.c_float),
    ]


def header(layout: Layout) -> str:
    """Write the constants that stand before the kernel's text."""
    kinds = {"float32": "Float32", "bfloat16": "BFloat16", "int8": "Int8"}
    # Without a name: constants of structs would be one for all libraries that a process loads.
    lines = [f"#define WEIGHTS {kinds[layout.kind]}", "#include <cstdint>", "namespace {"]
    for name, value in layout.shapes.items():
        if isinstance(value, Mapping):
            inner = [f"  static {_constant(key, part)}" for key, part in value.items()]
            lines += [f"struct {name} {{", *inner, "};"]
        else:
            lines.append(_constant(name, value))
    return "\n".join([*lines, "}", ""])


def _constant(name: str, value: Any) -> str:
    """Write one constant."""
    if isinstance(value, bool):
        return f"constexpr bool {name} = {str(value).lower()};"
    if isinstance(value, float):
        return f"constexpr float {name} = {value!r}f;"
    if isinstance(value, int):
        return f"constexpr int64_t {name} = {value};"
    if value and isinstance(value[0], list):
        rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in value)
        return f"constexpr int64_t {name}[][{len(value[0])}] = {{{rows}}};"
    return f"constexpr int64_t {name}[] = {{{', '.join(map(str, value))}}};"


def _text() -> str:
    kernel, strategy = (
        files("typica.engines.gated").joinpath(name).read_text()
        for name in ("kernel.cpp", "strategy.cpp")
    )
    return kernel.replace('#include "strategy.cpp"\n', strategy)


def _pointer(array: NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data
