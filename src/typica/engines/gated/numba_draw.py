"""Drawing in numba from what a network puts out, as kernel.cpp does it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from typica.engines.gated.numba_rows import F, exponential
from typica.engines.gated.numba_shapes import Block, Buffers, Network
from typica.engines.gated.numba_vectors import CONTRACT, INNER, LANES, Address, get, put


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
