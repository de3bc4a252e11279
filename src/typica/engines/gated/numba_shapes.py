"""What the loop in numba is told: sizes, and addresses of what lies where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from typica.engines.gated.numba_vectors import Address


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
