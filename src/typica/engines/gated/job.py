"""What a kernel of gated networks is given, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import RunError
from typica.core.strategy import Strategy

Floats = NDArray[np.float32]

MOST_TURNS = 16  # of a strategy that a kernel takes


@dataclass
class Job:
    """A block of draws for `count` streams; all arrays are float32 and C-contiguous.

    Widths with a star are the kernel's, with their padding. Arrays of the state are changed.

    Attributes:
        time: Symbols read before.
        temperature: 0 takes the most likely.
        recent: The last symbols read, a ring (recent*, count): symbol t lies at t modulo its size.
        rings: Past inputs of each layer, one layer's (memory, count, channels*) after another's.
        context_rings: Those of the context network.
        now: Words of the context network, (count, context*).
        previous: Symbols drawn and not yet read, (count,).
        symbols: Where the draws go, (length, count).
        label: Vectors of classes, (count, label), or None.
        local: The local condition at each sample, (length, count, local), or None.
        forced: Symbols that come instead of draws, (length, count), or None.
        uniforms: Uniform numbers, (length, count, draws), or None where `forced`.
        outputs: Where the network's outputs go, (length, count, outputs*), or None.
        log_prob: Where log-probabilities of levels go, (length, count), or None.
        log_draw: Those under what was drawn from.
        entropy: Conditional entropies of levels.
        varentropy: Conditional variances of -log p.
        ancestors: Of searches, or None: streams that were each stream's past, a ring
            (more than the longest memory, count), int32: time t lies at t modulo its size. The
            state's own arrays stay where they are when hypotheses leave and split.
        context_ancestors: The same of the context network's frames.
        scores: Log-probabilities of hypotheses, float64, (count,), for a beam search, else None.
        parents: Where the streams go that hypotheses go on from, int32, (length, count), or None.
        width: Hypotheses that compete with one another.
        program: Turns of a strategy, (turns, 3): the number of each among the kernel's `turns`, and
            its values; or None.
        memory: What the strategy remembers of each stream, (count, numbers), or None.
        strategy: Whose program and memory these are, or None.
    """

    time: int
    temperature: float
    recent: Floats
    rings: Floats
    context_rings: Floats
    now: Floats
    previous: Floats
    symbols: Floats
    label: Floats | None = None
    local: Floats | None = None
    forced: Floats | None = None
    uniforms: Floats | None = None
    outputs: Floats | None = None
    log_prob: Floats | None = None
    log_draw: Floats | None = None
    entropy: Floats | None = None
    varentropy: Floats | None = None
    ancestors: NDArray[np.int32] | None = None
    context_ancestors: NDArray[np.int32] | None = None
    scores: NDArray[np.float64] | None = None
    parents: NDArray[np.int32] | None = None
    width: int = 1
    program: Floats | None = None
    memory: Floats | None = None
    strategy: Strategy | None = None


def check_numbers(values: NDArray[np.floating]) -> None:
    """Refuse what is not a number.

    Raises:
        RunError: Something is not.
    """
    if not np.isfinite(values).all():
        raise RunError("the network overflows: its outputs are no numbers; take other weights")


class Kernel(Protocol):
    """Compiled code for one gated network.

    Attributes:
        name: What computes.
        shapes: Constants of the network, as `typica.engines.gated.layout` names them.
        bytes: Of weights, biases and tables.
        measures: Whether it fills `log_prob` to `varentropy`; else it fills `outputs`.
        searches: Whether it knows `ancestors` to `width`.
        turns: Names of a strategy's turns that it knows, for levels.
    """

    name: str
    measures: bool
    searches: bool
    turns: tuple[str, ...]
    shapes: dict
    bytes: int

    def run(self, job: Job, begin: int, end: int) -> None:
        """Do a job for the streams from `begin` to `end`, and touch no other stream's part."""
