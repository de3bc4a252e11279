"""Weights as kernels read them: widths padded, matrices in panels, in float32 or rounded.

Widths are padded with zeros to whole pairs of vectors. Matrices lie in panels of 64 columns, row
after row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from typica.engines.job import Floats
from typica.engines.memory import Pile

Weights = Literal["float32", "bfloat16", "int8"]
PANEL = 64  # columns
GROUP = 16  # streams that share the weights of a step
UNUSED = -1e4  # log-probability of a column that stands for no level


@dataclass
class Layout:
    """Where everything lies, and what lies there.

    Attributes:
        pad: Widths are multiples of it.
        kind: How matrices are stored.
        fixed: Biases and small tables, in float32.
        matrices: Packed matrices.
        shapes: Constants of the kernel by name, and of its structs by name and name.
    """

    pad: int
    kind: Weights
    fixed: Pile = field(init=False)
    matrices: Pile = field(init=False)
    shapes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stored = {"float32": np.float32, "bfloat16": np.uint16, "int8": np.int8}
        self.fixed, self.matrices = Pile(np.float32), Pile(stored[self.kind])

    def wide(self, width: int) -> int:
        """Return a width with its padding."""
        return -(-width // self.pad) * self.pad

    def keep(self, values: Floats) -> int:
        """Store floats, the last axis padded; return where."""
        return self.fixed.add(padded(values, values.shape[-1], self.wide(values.shape[-1])))

    def place(self, matrix: Floats, rows: int | None = None) -> int:
        """Store a matrix (inputs, outputs), padded to `rows` and whole vectors; return where."""
        place = self.matrices.size
        wide = np.zeros((rows or len(matrix), self.wide(matrix.shape[1])), np.float32)
        wide[: len(matrix), : matrix.shape[1]] = matrix
        for begin in range(0, wide.shape[1], PANEL):
            self.matrices.add(self._stored(wide[:, begin : begin + PANEL]))
        return place

    def _stored(self, panel: Floats) -> NDArray[Any]:
        if self.kind == "int8":
            return pack_int8(panel)
        return panel.ravel() if self.kind == "float32" else pack_bfloat16(panel, self.pad // 2)


def pack_bfloat16(panel: Floats, lanes: int) -> NDArray[np.uint16]:
    """Round to bfloat16, two vectors of columns in one vector of words.

    The upper half of a word is read with the lower one as its last bits, which saves a mask: it
    is rounded so that what is read comes nearest.
    """
    pairs = np.ascontiguousarray(panel, np.float32).reshape(len(panel), -1, 2, lanes)
    bits = pairs.view(np.uint32).astype(np.int64)
    first = (bits[:, :, 0] + 0x7FFF + ((bits[:, :, 0] >> 16) & 1)) >> 16
    sign, size = bits[:, :, 1] & 0x8000_0000, bits[:, :, 1] & 0x7FFF_FFFF
    second = np.clip((size - first + 0x8000) >> 16, 0, 0x7F7F) | (sign >> 16)
    words = np.stack([first, second], -1).astype(np.uint16)
    return words.ravel()


def pack_int8(panel: Floats) -> NDArray[np.int8]:
    """Round to 8 bits, column by column: their scales (float32), then two rows side by side."""
    scales = np.maximum(np.abs(panel).max(0), np.finfo(np.float32).tiny) / np.float32(127)
    whole = np.rint(panel / scales).astype(np.int8)
    even = np.pad(whole, ((0, len(whole) % 2), (0, 0)))
    pairs = even.reshape(-1, 2, panel.shape[1]).transpose(0, 2, 1)
    return np.concatenate([scales.astype(np.float32).view(np.int8), pairs.ravel()])


def padded(values: Floats, width: int, wide: int) -> Floats:
    """Return values with zeros behind the last axis, from `width` to `wide`."""
    last = [(0, 0)] * (values.ndim - 1) + [(0, wide - width)]
    return np.pad(values.astype(np.float32), last)


def array(values: Tensor | None) -> Floats:
    """Return a tensor's numbers in float32."""
    assert values is not None
    return values.detach().cpu().float().numpy()


VECTORS = {4: "128 bits", 8: "AVX2", 16: "AVX-512"}
