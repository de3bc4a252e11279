"""The weights of a gated network as its kernel reads them, and where each of them lies.

Widths are padded with zeros to whole pairs of vectors. Matrices lie in panels of 64 columns, row
after row, and in the order of their use: what every sample needs, then what a chunk of samples
shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from typica.engines.job import Floats
from typica.engines.packing import GROUP, PANEL, UNUSED, Layout, Weights, array, padded
from typica.layers.gated import GatedLayer, GatedStack
from typica.layers.gated_network import GatedNetwork, Reading

CHUNK = 8  # samples for which taps that look further back are multiplied at once


def lay_out(network: GatedNetwork, pad: int, kind: Weights) -> Layout:
    """Lay out a network."""
    layout = Layout(pad, kind)
    shapes, stack = layout.shapes, network.stack
    context = network.context
    shapes |= sizes(network)
    told = shapes["LABEL"], shapes["LOCAL"], shapes["CONTEXT"]
    shapes["CONTEXT"] = layout.wide(told[2])
    shapes |= {"PAD": pad, "PANEL": PANEL, "CHUNK": CHUNK, "GROUP": GROUP}
    shapes["Main"] = _stack(layout, stack, told)
    shapes["MainInput"] = _reading(layout, network.reading)
    _head(layout, network)
    if context is None:
        shapes |= {"Context": _no_stack(pad), "ContextInput": dict(shapes["MainInput"])}
    else:
        shapes["Context"] = _stack(layout, context.stack, (0, 0, 0))
        shapes["ContextInput"] = _reading(layout, context.reading)
    shapes["LEVELS"] = network.levels
    shapes["IS_SCALAR"] = network.reading.is_scalar
    shapes["LOG_SCALE_FLOOR"] = float(network.log_scale_floor)
    return layout


def sizes(network: GatedNetwork) -> dict[str, Any]:
    """Return the sizes of what passes between an engine and its kernel, without padding.

    They are the channels of the label, the local condition and the context network's words, the
    taps of the first convolution, samples of a frame, symbols that are kept, and uniform numbers
    for a draw.
    """
    first, context = cast(GatedLayer, network.stack.layers[0]), network.context
    told = 0 if first.told is None else first.told.shape[0]
    words, pool = (context.stack.width, context.pool) if context else (0, 1)
    local = network.upsampling.channels if network.upsampling else 0
    taps = len(network.reading.weight)
    return {
        "LABEL": told - local - words,
        "LOCAL": local,
        "CONTEXT": words,
        "TAPS": taps,
        "POOL": pool,
        "RECENT": taps + pool - 1,
        "DRAWS": 1 if network.output == "categorical" else 2,
    }


def _no_stack(pad: int) -> dict[str, Any]:
    """Constants that a kernel must know of a stack that is not there."""
    lists = ("RING_AT", "BIAS_AT", "RESIDUAL_AT", "SKIP_AT", "LABEL_AT", "LOCAL_AT", "CONTEXT_AT")
    sizes = {"LAYERS": 1, "KERNEL": 1, "CHANNELS": pad, "GATE": pad, "SKIP": pad}
    at = {name: [0] for name in lists} | {"TAP_AT": [[0]], "SKIP_BIAS_AT": 0}
    return sizes | at | {"DILATION": [1], "MEMORY": [0]}


def _stack(layout: Layout, stack: GatedStack, told: tuple[int, int, int]) -> dict[str, Any]:
    """Lay out a stack."""
    layers = [cast(GatedLayer, layer) for layer in stack.layers]
    kernel, channels, both = layers[0].taps.shape
    shape: dict[str, Any] = {
        "LAYERS": len(layers),
        "KERNEL": kernel,
        "CHANNELS": layout.wide(channels),
        "GATE": layout.wide(both // 2),
        "SKIP": layout.wide(stack.width),
        "DILATION": [layer.dilation for layer in layers],
        "MEMORY": [(kernel - 1) * layer.dilation for layer in layers],
    }
    before = np.cumsum([0, *(memory * shape["CHANNELS"] for memory in shape["MEMORY"])])
    shape["RING_AT"] = before[:-1].tolist()
    places = [_layer(layout, shape, layer) for layer in layers]
    for name in ("RESIDUAL_AT", "SKIP_AT", "BIAS_AT"):
        shape[name] = [place[name] for place in places]
    shape["TAP_AT"] = [place["TAP_AT"] for place in places]
    for layer, taps in zip(layers, shape["TAP_AT"], strict=True):
        _place_far(layout, layer, taps)
    shape |= _told(layout, layers, told)
    biases = [array(layer.skip_bias) for layer in layers if layer.skip_bias is not None]
    shape["SKIP_BIAS_AT"] = layout.keep(
        np.sum(biases, 0) if biases else np.zeros(stack.width, np.float32)
    )
    return shape


def _layer(layout: Layout, shape: dict[str, Any], layer: GatedLayer) -> dict[str, Any]:
    """Lay out what every sample needs of a layer; taps far back have no place yet."""
    taps, last = _halves(layout, array(layer.taps)), len(layer.taps) - 1
    places: dict[str, Any] = {"TAP_AT": [0] * (last + 1)}
    channels, gate = shape["CHANNELS"], shape["GATE"]
    for tap in range(last + 1):
        if tap == last or (last - tap) * layer.dilation < CHUNK:
            places["TAP_AT"][tap] = layout.place(taps[tap], channels)
    places["RESIDUAL_AT"] = layout.place(array(layer.residual), gate)
    places["SKIP_AT"] = layout.place(array(layer.skip), gate)
    bias = np.zeros(layer.taps.shape[2], np.float32) if layer.bias is None else array(layer.bias)
    residual = layer.residual_bias
    own = np.zeros(layer.taps.shape[1], np.float32) if residual is None else array(residual)
    places["BIAS_AT"] = layout.keep(_halves(layout, bias))
    layout.keep(own)
    return places


def _place_far(layout: Layout, layer: GatedLayer, places: list[int]) -> None:
    """Lay out the taps that a chunk of samples shares."""
    taps, last = _halves(layout, array(layer.taps)), len(layer.taps) - 1
    for tap in range(last):
        if (last - tap) * layer.dilation >= CHUNK:
            places[tap] = layout.place(taps[tap], layout.wide(layer.taps.shape[1]))


def _told(
    layout: Layout, layers: Sequence[GatedLayer], told: tuple[int, int, int]
) -> dict[str, list[int]]:
    """Lay out what the layers are told, kind by kind."""
    names, places = ("LABEL_AT", "LOCAL_AT", "CONTEXT_AT"), {}
    begin = 0
    for name, width in zip(names, told, strict=True):
        rows = layout.wide(width) if name == "CONTEXT_AT" else width
        places[name] = [
            layout.place(_halves(layout, array(layer.told))[begin : begin + width], rows)
            if width and layer.told is not None
            else 0
            for layer in layers
        ]
        begin += width
    return places


def _halves(layout: Layout, values: Floats) -> Floats:
    """Pad the tanh path and the sigmoid path each by itself, along the last axis."""
    gate = values.shape[-1] // 2
    parts = values[..., :gate], values[..., gate:]
    return np.concatenate([padded(part, gate, layout.wide(gate)) for part in parts], -1)


def _reading(layout: Layout, reading: Reading) -> dict[str, int]:
    weight, bias = array(reading.weight), array(reading.bias)
    place = layout.keep(weight)
    return {
        "TABLE_AT": place,
        "BIAS_AT": layout.keep(bias),
        "CHANNELS": layout.wide(weight.shape[-1]),
    }


def _head(layout: Layout, network: GatedNetwork) -> None:
    widths, places, biases = [layout.wide(network.stack.width)], [], []
    for layer in network.head:
        weight, bias = array(layer.weight), array(layer.bias)
        places.append(layout.place(weight, widths[-1]))
        is_last = layer is network.head[-1]
        padding = UNUSED if is_last and network.output == "categorical" else 0.0
        wide = np.full(layout.wide(len(bias)), padding, np.float32)
        wide[: len(bias)] = bias
        biases.append(layout.keep(wide))
        widths.append(layout.wide(len(bias)))
    kinds = {"categorical": 0, "logistics": 1, "gaussian": 2}
    outputs = network.head[-1].weight.shape[1]
    layout.shapes |= {
        "HEAD": widths,
        "HEAD_WIDTHS": len(widths),
        "HEAD_AT": places,
        "HEAD_BIAS_AT": biases,
        "OUTPUTS": widths[-1],
        "KIND": kinds[network.output],
        "COMPONENTS": outputs // 3 if network.output == "logistics" else 0,
    }
