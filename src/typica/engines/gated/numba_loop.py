"""The loop of kernel.cpp in numba: for machines without a C++ compiler.

It is compiled once for all networks: shapes are arguments. Arrays are addresses (numba counts the
references of its own), and places behind them are computed as kernel.cpp computes them, where more
is said.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from typica.engines.gated.numba_vectors import (
    CONTRACT,
    INNER,
    LANES,
    Address,
    get,
    get_place,
    multiply,
    power_of_two,
    put,
)

F = np.float32
NEVER = 1 << 30  # samples


class Stack(NamedTuple):
    """Sizes of a stack, and where its weights lie; see `Layout.shapes`."""

    layers: int
    kernel: int
    channels: int
    gate: int
    skip: int
    dilation: Address
    memory: Address
    ring_at: Address
    bias_at: Address
    residual_at: Address
    skip_at: Address
    tap_at: Address
    label_at: Address
    local_at: Address
    context_at: Address
    skip_bias_at: int


class Input(NamedTuple):
    """Where the first convolution lies."""

    table_at: int
    bias_at: int
    channels: int


class Network(NamedTuple):
    """All that is fixed of a network."""

    main: Stack
    main_input: Input
    second: Stack
    second_input: Input
    head: Address
    head_at: Address
    head_bias_at: Address
    label: int
    local: int
    context: int
    chunk: int
    group: int
    taps: int
    pool: int
    recent: int
    levels: int
    is_scalar: bool
    kind: int
    draws: int
    components: int
    outputs: int
    head_widths: int
    log_scale_floor: np.float32
    fixed: Address
    weights: Address


class Block(NamedTuple):
    """A job; the address of what is not there is 0."""

    time: int
    length: int
    streams: int
    temperature: np.float32
    label: Address
    local: Address
    forced: Address
    uniforms: Address
    recent: Address
    rings: Address
    context_rings: Address
    now: Address
    previous: Address
    symbols: Address
    outputs: Address
    log_prob: Address
    log_draw: Address
    entropy: Address
    varentropy: Address


class Buffers(NamedTuple):
    """Room for the rows of a group of streams."""

    x: Address
    gates: Address
    product: Address
    skips: Address
    other: Address
    before: Address
    gathered: Address
    drive: Address
    told: Address
    context_drive: Address
    one: Address
    two: Address
    parts: Address


@njit(**INNER, fastmath=CONTRACT, forceinline=True)
def exponential(x: Any) -> Any:
    """Return e to the x, to a relative error of about 1e-7: 2^n times a polynomial of the rest."""
    x = min(max(x, F(-87)), F(88))
    shifted = x * F(1.44269504) + F(12582912)  # rounds to an integer in the low bits
    n = shifted - F(12582912)
    rest = x - n * F(0.693145752)
    rest = rest - n * F(1.42860677e-6)
    p = F(1.9875691500e-4)
    p = p * rest + F(1.3981999507e-3)
    p = p * rest + F(8.3334519073e-3)
    p = p * rest + F(4.1665795894e-2)
    p = p * rest + F(1.6666665459e-1)
    p = p * rest + F(5.0000001201e-1)
    p = p * (rest * rest) + (rest + F(1))
    return p * power_of_two(shifted)


@njit(**INNER, fastmath=CONTRACT, forceinline=True)
def gated(a: Any, b: Any) -> Any:
    """tanh(a) sigmoid(b), by two exponentials and one division."""
    a = min(max(a, F(-20)), F(20))
    b = min(max(b, F(-40)), F(40))
    u, v = exponential(a * F(-2)), exponential(-b)
    return (F(1) - u) / ((F(1) + u) * (F(1) + v))


@njit(**INNER)
def copy(source: Address, at: int, target: Address, to: int, width: int) -> None:
    """Copy a row."""
    for i in range(width):
        put(target, to + i, get(source, at + i))


@njit(**INNER)
def add(source: Address, at: int, target: Address, to: int, width: int) -> None:
    """Add a row to another."""
    for i in range(width):
        put(target, to + i, get(target, to + i) + get(source, at + i))


@njit(**INNER)
def add_times(source: Address, at: int, by: Any, target: Address, to: int, width: int) -> None:
    """Add a multiple of a row to another."""
    for i in range(width):
        put(target, to + i, get(target, to + i) + get(source, at + i) * by)


@njit(**INNER)
def all_gates(gates: Address, product: Address, rows: int, gate: int) -> None:
    """Multiply both paths of each row."""
    for r in range(rows):
        signal = 2 * r * gate
        for i in range(gate):
            both = get(gates, signal + i), get(gates, signal + gate + i)
            put(product, r * gate + i, gated(*both))


@njit(**INNER)
def leave_layer(net: Network, s: Stack, layer: int, rows: int, b: Buffers) -> None:
    """A step of one layer behind its gates: product, residual path, skips."""
    all_gates(b.gates, b.product, rows, s.gate)
    if layer < s.layers - 1:  # nothing reads the residual path behind the last layer
        for r in range(rows):
            add(
                net.fixed, get_place(s.bias_at, layer) + 2 * s.gate, b.x, r * s.channels, s.channels
            )
        multiply(
            *(net.weights, get_place(s.residual_at, layer), s.gate, s.channels),
            *(b.product, 0, s.gate, b.x, 0, s.channels, rows),
        )
    multiply(
        *(net.weights, get_place(s.skip_at, layer), s.gate, s.skip),
        *(b.product, 0, s.gate, b.skips, 0, s.skip, rows),
    )


@njit(**INNER)
def ring_row(s: Stack, count: int, layer: int, time: int, stream: int) -> int:
    """Return where a layer keeps what a stream read at a time."""
    memory = get_place(s.memory, layer)
    return get_place(s.ring_at, layer) * count + ((time % memory) * count + stream) * s.channels


@njit(**INNER)
def stack_step(
    net: Network,
    s: Stack,
    count: int,
    begin: int,
    rings: Address,
    time: int,
    rows: int,
    far: int,
    ready: Address,
    ready_at: int,
    pitch: int,
    b: Buffers,
) -> None:
    """One step of a stack; `ready` holds what is before the gates already."""
    last, gates = s.kernel - 1, 2 * s.gate
    for layer in range(s.layers):
        copy(ready, ready_at + layer * pitch, b.gates, 0, rows * gates)
        for tap in range(last):
            back = (last - tap) * get_place(s.dilation, layer)
            if back < far:
                multiply(
                    *(
                        net.weights,
                        get_place(s.tap_at, layer * s.kernel + tap),
                        s.channels,
                        gates,
                        rings,
                    ),
                    ring_row(s, count, layer, time + get_place(s.memory, layer) - back, begin),
                    *(s.channels, b.gates, 0, gates, rows),
                )
        if last:
            copy(b.x, 0, rings, ring_row(s, count, layer, time, begin), rows * s.channels)
        multiply(
            *(net.weights, get_place(s.tap_at, layer * s.kernel + last), s.channels, gates),
            *(b.x, 0, s.channels, b.gates, 0, gates, rows),
        )
        leave_layer(net, s, layer, rows, b)


@njit(**INNER)
def beyond(base: Address, floats: int) -> Address:
    """Return the address of a float behind another."""
    return base + 4 * floats


@njit(**INNER)
def constant_drive(
    net: Network, s: Stack, label: Address, block: Block, begin: int, rows: int, drive: Address
) -> None:
    """Write bias and label before the gates of each layer, (layers, rows, 2 gate)."""
    gates = 2 * s.gate
    for layer in range(s.layers):
        for r in range(rows):
            to = (layer * rows + r) * gates
            copy(net.fixed, get_place(s.bias_at, layer), drive, to, gates)
        if label:
            multiply(
                *(net.weights, get_place(s.label_at, layer), net.label, gates),
                *(label, begin * net.label, net.label),
                *(drive, layer * rows * gates, gates, rows),
            )


@njit(**INNER)
def context_drive(net: Network, block: Block, begin: int, rows: int, b: Buffers) -> None:
    """Write what the context network says, before the gates of each layer."""
    s, gates = net.main, 2 * net.main.gate
    copy(b.drive, 0, b.told, 0, s.layers * rows * gates)
    for layer in range(s.layers):
        multiply(
            *(net.weights, get_place(s.context_at, layer), net.context, gates),
            *(block.now, begin * net.context, net.context),
            *(b.told, layer * rows * gates, gates, rows),
        )


@njit(**INNER)
def prepare(
    net: Network, block: Block, begin: int, done: int, steps: int, rows: int, b: Buffers
) -> None:
    """Write what is before the gates of `steps` samples and can be known already."""
    s, gates, many = net.main, 2 * net.main.gate, steps * rows
    for layer in range(s.layers):
        to = layer * net.chunk * rows * gates
        for step in range(steps):
            at = to + step * rows * gates
            copy(b.drive, layer * rows * gates, b.before, at, rows * gates)
        for step in range(steps if net.local else 0):
            at = ((done + step) * block.streams + begin) * net.local
            multiply(
                *(net.weights, get_place(s.local_at, layer), net.local, gates),
                *(block.local, at, net.local, b.before, to + step * rows * gates, gates, rows),
            )
        for tap in range(s.kernel - 1):
            back = (s.kernel - 1 - tap) * get_place(s.dilation, layer)
            if back < net.chunk:
                continue
            for step in range(steps):
                time = block.time + done + step + get_place(s.memory, layer) - back
                at = ring_row(s, block.streams, layer, time, begin)
                width = rows * s.channels
                copy(block.rings, at, b.gathered, step * width, width)
            multiply(
                *(net.weights, get_place(s.tap_at, layer * s.kernel + tap), s.channels, gates),
                *(b.gathered, 0, s.channels, b.before, to, gates, many),
            )


@njit(**INNER)
def read_symbols(
    net: Network, reading: Input, block: Block, time: int, stream: int, x: Address
) -> None:
    """Add the first convolution's row for the window of symbols that ends at `time`."""
    for tap in range(net.taps):
        at = (time - net.taps + 1 + tap) % net.recent  # as Python has it, never below 0
        symbol = get(block.recent, at * block.streams + stream)
        if net.is_scalar:
            value = F(2) * symbol / F(net.levels - 1) - F(1) if net.levels else symbol
            row = reading.table_at + tap * reading.channels
            add_times(net.fixed, row, value, x, 0, reading.channels)
        else:
            row = reading.table_at + (tap * net.levels + int(symbol)) * reading.channels
            add(net.fixed, row, x, 0, reading.channels)


@njit(**INNER)
def context_step(net: Network, block: Block, begin: int, time: int, rows: int, b: Buffers) -> None:
    """The context network reads the frame that ended with the symbol at `time`."""
    s, reading = net.second, net.second_input
    for r in range(rows):
        x = beyond(b.x, r * s.channels)
        for i in range(s.channels):
            put(x, i, F(0))
        for i in range(net.pool):
            read_symbols(net, reading, block, time - i, begin + r, x)
        for i in range(s.channels):
            put(x, i, get(x, i) / F(net.pool) + get(net.fixed, reading.bias_at + i))
        copy(net.fixed, s.skip_bias_at, b.skips, r * s.skip, s.skip)
    stack_step(
        *(net, s, block.streams, begin, block.context_rings, time // net.pool, rows, NEVER),
        *(b.context_drive, 0, rows * 2 * s.gate, b),
    )
    for i in range(rows * s.skip):
        put(block.now, begin * net.context + i, max(get(b.skips, i), F(0)))


@njit(**INNER)
def head(net: Network, rows: int, b: Buffers) -> Address:
    """Return where the outputs of all rows went."""
    source, target = b.skips, b.other
    for layer in range(net.head_widths - 1):
        inputs, outputs = get_place(net.head, layer), get_place(net.head, layer + 1)
        for i in range(rows * inputs):
            put(source, i, max(get(source, i), F(0)))
        for r in range(rows):
            copy(net.fixed, get_place(net.head_bias_at, layer), target, r * outputs, outputs)
        multiply(
            *(net.weights, get_place(net.head_at, layer), inputs, outputs),
            *(source, 0, inputs, target, 0, outputs, rows),
        )
        source, target = target, source
    return source


@njit(**INNER, fastmath=CONTRACT, forceinline=True)
def softmax(net: Network, logits: Address, scale: Any, most: Any, p: Address, b: Any) -> Any:
    """Write exponentials of `scale` times logits less the largest, and their sums by vectors."""
    for i in range(net.outputs):
        put(p, i, exponential((get(logits, i) - most) * scale))
    total = F(0)
    for part in range(net.outputs // LANES):
        own = F(0)
        for i in range(part * LANES, (part + 1) * LANES):
            own += get(p, i)
        put(b.parts, part, own)
        total += own
    return total


@njit(**INNER)
def look_up(net: Network, p: Address, parts: Address, threshold: Any) -> int:
    """Return the level at which the running sum passes a threshold."""
    part = 0
    while part < net.outputs // LANES - 1 and threshold >= get(parts, part):
        threshold -= get(parts, part)
        part += 1
    i = part * LANES
    last = i + LANES - 1
    while i < last and threshold >= get(p, i):
        threshold -= get(p, i)
        i += 1
    return min(i, net.levels - 1)  # columns beyond it are padding


@njit(**INNER, fastmath={"contract", "reassoc", "nsz"})
def measure_spread(
    net: Network, p: Address, total: Any, logits: Address, normaliser: Any, block: Block, at: int
) -> None:
    """Write the entropy, and the variance of -log p."""
    mean = F(0)
    for i in range(net.outputs):
        mean += get(p, i) * (get(logits, i) - normaliser)
    entropy, square = -mean / total, F(0)
    for i in range(net.outputs):
        off = max(get(logits, i) - normaliser, F(-1e4)) + entropy
        square += get(p, i) * off * off
    put(block.entropy, at, entropy)
    put(block.varentropy, at, square / total)


@njit(**INNER)
def likeliest_of(logits: Address, levels: int) -> int:
    """Return the first of the largest."""
    most, likeliest = get(logits, 0), 0
    for i in range(1, levels):
        if get(logits, i) > most:
            most, likeliest = get(logits, i), i
    return likeliest


@njit(**INNER)
def draw_level(net: Network, block: Block, logits: Address, at: int, b: Buffers) -> Any:
    """Draw a level, and measure it."""
    level = likeliest_of(logits, net.levels)
    most, temperature, log_draw = get(logits, level), block.temperature, F(0)
    total = softmax(net, logits, F(1), most, b.one, b)
    normaliser = most + math.log(total)
    if block.forced:
        level = int(get(block.forced, at))
    elif temperature > 0:
        scale, q_total, q = F(1), total, b.one
        if temperature != 1:
            scale, q = F(1) / temperature, b.two
            q_total = softmax(net, logits, scale, most, q, b)
        level = look_up(net, q, b.parts, get(block.uniforms, at) * q_total)
        log_draw = (get(logits, level) - most) * scale - math.log(q_total)
    if block.log_prob:
        put(block.log_prob, at, get(logits, level) - normaliser)
        put(block.log_draw, at, log_draw)
    if block.entropy:
        measure_spread(net, b.one, total, logits, normaliser, block, at)
    return F(level)


@njit(**INNER)
def draw_mixture(net: Network, block: Block, outputs: Address, at: int, b: Buffers) -> Any:
    """Draw from a mixture of logistics."""
    parts, most, total = net.components, get(outputs, 0), F(0)
    for i in range(1, parts):
        most = max(most, get(outputs, i))
    for i in range(parts):
        weight = math.exp((get(outputs, i) - most) / block.temperature)
        put(b.one, i, weight)
        total += weight
    threshold, chosen = get(block.uniforms, 2 * at) * total, 0
    while chosen < parts - 1 and threshold >= get(b.one, chosen):
        threshold -= get(b.one, chosen)
        chosen += 1
    scale = math.exp(max(get(outputs, 2 * parts + chosen), net.log_scale_floor))
    u = min(max(get(block.uniforms, 2 * at + 1), F(1e-38)), F(1 - 1e-7))
    noise = math.log(u) - math.log1p(-u)
    amplitude = get(outputs, parts + chosen) + block.temperature * scale * noise
    amplitude = min(max(amplitude, F(-1)), F(1))
    return F(np.rint((amplitude + F(1)) / F(2) * F(net.levels - 1)))


@njit(**INNER)
def draw_gaussian(net: Network, block: Block, outputs: Address, at: int) -> Any:
    """Draw from a Gaussian."""
    scale = math.exp(max(get(outputs, 1), net.log_scale_floor))
    u = max(get(block.uniforms, 2 * at), F(1e-38))
    turn = F(6.2831853) * get(block.uniforms, 2 * at + 1)
    noise = math.sqrt(F(-2) * math.log(u)) * math.cos(turn)
    amplitude = get(outputs, 0) + scale * math.sqrt(block.temperature) * noise
    return F(min(max(amplitude, F(-1)), F(1)))


@njit(**INNER)
def next_symbol(net: Network, block: Block, outputs: Address, at: int, b: Buffers) -> Any:
    """Return the symbol that follows."""
    if net.kind == 0:
        return draw_level(net, block, outputs, at, b)
    if block.forced:
        return get(block.forced, at)
    if net.kind == 1:
        return draw_mixture(net, block, outputs, at, b)
    return draw_gaussian(net, block, outputs, at)


@njit(**INNER)
def read_previous(net: Network, block: Block, begin: int, time: int, rows: int, b: Buffers) -> None:
    """Read the symbols drawn last."""
    s = net.main
    for r in range(rows):
        stream, x = begin + r, beyond(b.x, r * s.channels)
        put(block.recent, time % net.recent * block.streams + stream, get(block.previous, stream))
        copy(net.fixed, net.main_input.bias_at, x, 0, s.channels)
        read_symbols(net, net.main_input, block, time, stream, x)
        copy(net.fixed, s.skip_bias_at, b.skips, r * s.skip, s.skip)


@njit(**INNER)
def add_context(net: Network, ready: int, pitch: int, width: int, b: Buffers) -> None:
    """Add what the context network says to what is before the gates."""
    for layer in range(net.main.layers):
        for i in range(width):
            more = get(b.told, layer * width + i) - get(b.drive, layer * width + i)
            at = ready + layer * pitch + i
            put(b.before, at, get(b.before, at) + more)


@njit(**INNER)
def one_step(
    net: Network, block: Block, begin: int, done: int, step: int, rows: int, b: Buffers
) -> None:
    """One symbol of each stream: `step` of a chunk of which `prepare` has done its part."""
    time, width = block.time + done, rows * 2 * net.main.gate
    read_previous(net, block, begin, time, rows, b)
    pitch, ready = net.chunk * width, step * width
    if net.context:
        add_context(net, ready, pitch, width, b)
    stack_step(
        *(net, net.main, block.streams, begin, block.rings, time, rows, net.chunk),
        *(b.before, ready, pitch, b),
    )
    outputs = head(net, rows, b)
    for r in range(rows):
        at, row = done * block.streams + begin + r, beyond(outputs, r * net.outputs)
        if block.outputs:
            copy(row, 0, block.outputs, at * net.outputs, net.outputs)
        symbol = next_symbol(net, block, row, at, b)
        put(block.symbols, at, symbol)
        put(block.previous, begin + r, symbol)
    if net.context and (time + 1) % net.pool == 0:
        context_step(net, block, begin, time, rows, b)
        context_drive(net, block, begin, rows, b)


def run_streams(net: Network, block: Block, begin: int, rows: int, b: Buffers) -> None:
    """Draw a block for a group of streams."""
    label = block.label if net.label else 0
    constant_drive(net, net.main, label, block, begin, rows, b.drive)
    if net.context:
        constant_drive(net, net.second, 0, block, begin, rows, b.context_drive)
        context_drive(net, block, begin, rows, b)
    for done in range(0, block.length, net.chunk):
        steps = min(net.chunk, block.length - done)
        prepare(net, block, begin, done, steps, rows, b)
        for step in range(steps):
            one_step(net, block, begin, done + step, step, rows, b)
