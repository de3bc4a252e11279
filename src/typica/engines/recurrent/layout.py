"""The weights of recurrent tiers as their kernel reads them, and where each of them lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from typica.engines.job import Floats
from typica.engines.packing import GROUP, PANEL, UNUSED, Layout, Weights, array, padded
from typica.layers.recurrent_network import RecurrentLayer, RecurrentNetwork, RecurrentTier

# What a GRU's columns are in the kernel: (r, z, n) as torch has them, n of the input first.
GRU_INPUTS, GRU_PAST = (2, 0, 1), (0, 1, 2)
BY_LAYER = ("BIAS_AT", "INPUTS_AT", "GIVEN_AT", "PAST_AT", "SPEAK_AT")


def lay_out(network: RecurrentNetwork, pad: int, kind: Weights) -> Layout:
    """Lay out a network."""
    layout, tiers = Layout(pad, kind), network.tiers
    width, shapes = tiers[0].input.weight.shape[1], layout.shapes
    shapes |= {
        **{"PAD": pad, "PANEL": PANEL, "GROUP": GROUP, "WIDTH": layout.wide(width)},
        "TIERS": len(tiers),
        "LAYERS": len(tiers[0].layers),
        "IS_LSTM": network.cell == "lstm",
        "SKIPS": bool(tiers[0].outputs),
        "FRAME": [tier.frame for tier in tiers],
        "RATIO": [tier.frame // tier.part for tier in tiers],
        "RECENT": tiers[0].frame,
        "LEVELS": network.levels,
        "DRAWS": 1,
        "NUMBERS_AT": layout.fixed.add(array(network.numbers)),
    }
    sizes = np.cumsum([0, *(ratio * shapes["WIDTH"] for ratio in shapes["RATIO"])])
    shapes["WORDS_AT"], shapes["WORDS"] = sizes[:-1].tolist(), int(sizes[-1])
    # What every sample needs comes first, then the tiers, the fastest first.
    _perceptron(layout, network)
    places = [_tier(layout, tier) for tier in reversed(tiers)][::-1]
    for name in places[0]:
        shapes[name] = [place[name] for place in places]
    return layout


def _perceptron(layout: Layout, network: RecurrentNetwork) -> None:
    shapes, hidden, last = layout.shapes, *network.head
    tables = network.tables
    shapes["TAPS"] = 0 if tables is None else len(tables)
    shapes["TABLES_AT"] = 0 if tables is None else layout.keep(array(tables))
    shapes["HEAD"] = [shapes["WIDTH"], shapes["WIDTH"], layout.wide(network.levels)]
    shapes["OUTPUTS"] = layout.wide(network.levels)
    shapes["HEAD_AT"] = [
        layout.place(array(layer.weight), shapes["WIDTH"]) for layer in (hidden, last)
    ]
    bias = np.full(shapes["OUTPUTS"], UNUSED, np.float32)
    bias[: network.levels] = array(last.bias)
    shapes["HEAD_BIAS_AT"] = [layout.keep(array(hidden.bias)), layout.keep(bias)]


def _tier(layout: Layout, tier: RecurrentTier) -> dict[str, Any]:
    """Lay out a tier; return where its parts lie, and those of its layers."""
    wide, ratio = layout.shapes["WIDTH"], tier.frame // tier.part
    places: dict[str, Any] = {
        "INPUT_AT": layout.place(array(tier.input.weight)),
        "INPUT_BIAS_AT": layout.keep(array(tier.input.bias)),
    }
    layers = [_layer(layout, layer) for layer in tier.layers]
    for layer, output in zip(layers, tier.outputs, strict=False):
        layer["SPEAK_AT"] = layout.place(array(output.weight), wide)
    places |= {name: [layer.get(name, 0) for layer in layers] for name in BY_LAYER}
    speaking = np.sum([array(one.bias) for one in tier.outputs], 0) if tier.outputs else np.zeros(1)
    places["SPEAK_BIAS_AT"] = layout.keep(speaking.astype(np.float32))
    whole = range(ratio)
    weight = _columns(layout, array(tier.upsampling.weight), ratio, whole)
    places["UPSAMPLING_AT"] = layout.place(weight, wide)
    bias = _columns(layout, array(tier.upsampling.bias), ratio, whole)
    places["WORDS_BIAS_AT"] = layout.keep(bias)
    return places


def _layer(layout: Layout, layer: RecurrentLayer) -> dict[str, int]:
    wide, width = layout.shapes["WIDTH"], len(layer.past)
    gates = layer.past.shape[1] // width
    of_inputs, of_past = (range(4), range(4)) if gates == 4 else (GRU_INPUTS, GRU_PAST)
    inputs = _columns(layout, array(layer.inputs), gates, of_inputs)
    places = {"INPUTS_AT": layout.place(inputs[:width], wide)}
    if len(inputs) > width:
        places["GIVEN_AT"] = layout.place(inputs[width:], wide)
    past = _columns(layout, array(layer.past), gates, of_past)
    places["PAST_AT"] = layout.place(past, wide)
    bias = np.zeros(4 * wide, np.float32)
    bias[: gates * wide] = _columns(layout, array(layer.bias), gates, of_inputs)
    more = _columns(layout, array(layer.past_bias), gates, of_past)
    bias[len(bias) - len(more) :] += more
    return places | {"BIAS_AT": layout.keep(bias)}


def _columns(layout: Layout, values: Floats, parts: int, order: Sequence[int]) -> Floats:
    """Pad each of several parts of the last axis by itself, and put them in an order."""
    split = np.split(values, parts, -1)
    width = split[0].shape[-1]
    return np.concatenate([padded(split[n], width, layout.wide(width)) for n in order], -1)
