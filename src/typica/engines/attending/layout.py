"""The weights of a transformer over a table as its kernel reads them, and the table's own shape.

What a normalisation scales and shifts by is part of the product behind it, and so is the root that
queries are divided by.
"""

from __future__ import annotations

import math
from typing import Any, cast, get_args

import numpy as np
from torch import nn

from typica.engines.job import Floats
from typica.engines.packing import GROUP, PANEL, UNUSED, Layout, Weights, array, padded
from typica.layers.attending_network import AttendingNetwork
from typica.layers.sparse_attention import AttentionBlock, Kind, SparseAttention

CHUNK = 16  # symbols that are read again at once
KINDS = get_args(Kind)  # by their numbers in the kernel
COLUMNS = ("column", "strided")  # kinds that see their own column
SUMMARIES = ("summary", "fixed")  # those that see summaries


def lay_out(network: AttendingNetwork, pad: int, kind: Weights) -> Layout:
    """Lay out a network."""
    layout = Layout(pad, kind)
    layout.shapes |= {"PAD": pad, "PANEL": PANEL, "GROUP": GROUP, "CHUNK": CHUNK}
    layout.shapes |= _sizes(layout, network)
    layout.shapes |= _table(layout, network)
    places = [_layer(layout, block) for block in network.blocks]
    layout.shapes |= {name: [place[name] for place in places] for name in places[0]}
    _head(layout, network)
    layout.shapes |= {
        "SYMBOLS_AT": layout.keep(array(network.symbols)),
        "ROWS_AT": layout.keep(array(network.rows)),
        "COLUMNS_AT": layout.keep(array(network.columns)),
        "ONES_AT": layout.keep(np.ones(network.symbols.shape[1], np.float32)),
    }
    return layout


def _sizes(layout: Layout, network: AttendingNetwork) -> dict[str, Any]:
    attention, width = network.blocks[0].attention, network.symbols.shape[1]
    rows, stride = len(network.rows), len(network.columns)
    return {
        "WIDTH": width,
        "WIDE": layout.wide(width),
        "LAYERS": len(network.blocks),
        "HEADS": attention.heads,
        "SIZE": attention.size,
        "SPAN": layout.wide(attention.size),
        "INNER": layout.wide(attention.heads * attention.size),
        "HIDDEN": layout.wide(network.blocks[0].inner.out_features),
        "LEAST_VARIANCE": network.norm.eps,
        "LEVELS": network.levels,
        "DRAWS": 1,
        "ROWS": rows,
        "STRIDE": stride,
        "POSITIONS": rows * stride,
        "AGAIN": (rows + 1) // 2 * stride,
    }


def _table(layout: Layout, network: AttendingNetwork) -> dict[str, Any]:
    """Return where keys and values of each layer lie in a stream's table.

    Near ones lie in the order of time. Far ones lie column after column, or are the summaries, row
    after row.
    """
    shapes, attentions = layout.shapes, [block.attention for block in network.blocks]
    kinds, summaries = [one.kind for one in attentions], attentions[0].columns.shape[1]
    is_summed = any(kind in SUMMARIES for kind in kinds)
    near = layout.wide(shapes["POSITIONS"])
    far = layout.wide(shapes["ROWS"] * summaries if is_summed else shapes["POSITIONS"])
    each = shapes["HEADS"] * (shapes["SIZE"] + shapes["SPAN"])
    end = shapes["POSITIONS"] * shapes["WIDE"]  # what the layers are given comes first
    near_at, far_at = [], []
    for kind in kinds:
        near_at.append(end)
        end += 0 if kind == "column" else each * near
        far_at.append(end)
        end += each * far if kind in COLUMNS + SUMMARIES else 0
    return {
        "KIND": [KINDS.index(kind) for kind in kinds],
        "NEAR": near,
        "FAR": far,
        "NEAR_AT": near_at,
        "FAR_AT": far_at,
        "TABLE": layout.wide(end),
        "SUMMARIES": summaries,
        "SUMMED": _summed(attentions[0]),
    }


def _summed(attention: SparseAttention) -> list[list[int]]:
    """Return how many summaries each head has up to each column, (heads, stride)."""
    columns = attention.columns.cpu().numpy()
    return [
        np.searchsorted(np.sort(own), np.arange(attention.stride), "right").tolist()
        for own in columns
    ]


def _layer(layout: Layout, block: AttentionBlock) -> dict[str, int]:
    shapes, attention = layout.shapes, block.attention
    weight, bias = _behind(block.first, attention.read)
    queries = weight.shape[1] // 3
    for one in (weight, bias):
        one[..., :queries] /= math.sqrt(attention.size)
    inner, inner_bias = _behind(block.second, block.inner)
    return {
        "READ_AT": layout.place(_thirds(layout, weight), shapes["WIDE"]),
        "READ_BIAS_AT": layout.keep(_thirds(layout, bias)),
        "WRITE_AT": layout.place(array(attention.write.weight).T, shapes["INNER"]),
        "WRITE_BIAS_AT": layout.keep(array(attention.write.bias)),
        "INNER_AT": layout.place(inner, shapes["WIDE"]),
        "INNER_BIAS_AT": layout.keep(inner_bias),
        "OUT_AT": layout.place(array(block.out.weight).T, shapes["HIDDEN"]),
        "OUT_BIAS_AT": layout.keep(array(block.out.bias)),
    }


def _head(layout: Layout, network: AttendingNetwork) -> None:
    (head,) = network.head
    weight, bias = _scaled(network.norm, array(head.weight), array(head.bias))
    wide = np.full(layout.wide(network.levels), UNUSED, np.float32)
    wide[: network.levels] = bias
    layout.shapes |= {
        "OUTPUTS": len(wide),
        "HEAD_AT": layout.place(weight, layout.shapes["WIDE"]),
        "HEAD_BIAS_AT": layout.keep(wide),
    }


def _behind(norm: nn.LayerNorm, linear: nn.Linear) -> tuple[Floats, Floats]:
    """Return matrix (inputs, outputs) and bias of a product behind a normalisation."""
    return _scaled(norm, array(linear.weight).T, array(linear.bias))


def _scaled(norm: nn.LayerNorm, weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Return a matrix and a bias that do what a normalisation scales and shifts by as well."""
    exact = weight.astype(np.float64)
    scale, shift = (array(one).astype(np.float64) for one in (norm.weight, norm.bias))
    scaled = (scale[:, None] * exact).astype(np.float32), (bias + shift @ exact).astype(np.float32)
    return cast("tuple[Floats, Floats]", scaled)


def _thirds(layout: Layout, values: Floats) -> Floats:
    """Pad queries, keys and values each by itself, along the last axis."""
    parts = np.split(values, 3, -1)
    width = parts[0].shape[-1]
    return np.concatenate([padded(part, width, layout.wide(width)) for part in parts], -1)
