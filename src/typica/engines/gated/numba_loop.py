"""The loop of kernel.cpp in numba: for machines without a C++ compiler.

It is compiled once for all networks: shapes are arguments. Arrays are addresses (numba counts the
references of its own), and places behind them are computed as kernel.cpp computes them, where more
is said.
"""

from __future__ import annotations

from numba import njit

from typica.engines.gated.numba_draw import next_symbol
from typica.engines.gated.numba_rows import F, add, add_times, all_gates, beyond, copy
from typica.engines.gated.numba_shapes import Block, Buffers, Input, Network, Stack
from typica.engines.gated.numba_vectors import INNER, Address, get, get_place, multiply, put

NEVER = 1 << 30  # samples


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
    for i in range(s.layers * rows * gates):
        put(b.told, i, F(0))
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
        add(b.told, layer * width, b.before, ready + layer * pitch, width)


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
