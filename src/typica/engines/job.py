"""What a kernel is given, and where it writes, whatever the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import RunError
from typica.core.strategy import Strategy

Floats = NDArray[np.float32]

MOST_TURNS = 16  # of a strategy that a kernel takes
TURNS = ("temperature", "top-k", "nucleus", "typical", "epsilon", "eta", "min-p", "mirostat")
"""Turns of a strategy that strategy.cpp knows, in the order of its `Turn`."""


@dataclass(kw_only=True)
class Job:
    """A block of draws for `count` streams; all arrays are float32 and C-contiguous.

    Widths with a star are the kernel's, with their padding. Arrays of the state, which each kind
    of network has of its own, are changed.

    Attributes:
        time: Symbols read before.
        temperature: 0 takes the most likely.
        previous: Symbols drawn and not yet read, (count,).
        symbols: Where the draws go, (length, count).
        forced: Symbols that come instead of draws, (length, count), or None.
        uniforms: Uniform numbers, (length, count, draws), or None where `forced`.
        outputs: Where the network's outputs go, (length, count, outputs*), or None.
        log_prob: Where log-probabilities of levels go, (length, count), or None.
        log_draw: Those under what was drawn from.
        entropy: Conditional entropies of levels.
        varentropy: Conditional variances of -log p.
        width: Streams that compete with one another, in searches.
        program: Turns of a strategy, (turns, 3): the number of each among the kernel's `turns`, and
            its values; or None.
        memory: What the strategy remembers of each stream, (count, numbers), or None.
        strategy: Whose program and memory these are, or None.
    """

    time: int
    temperature: float
    previous: Floats
    symbols: Floats
    forced: Floats | None = None
    uniforms: Floats | None = None
    outputs: Floats | None = None
    log_prob: Floats | None = None
    log_draw: Floats | None = None
    entropy: Floats | None = None
    varentropy: Floats | None = None
    width: int = 1
    program: Floats | None = None
    memory: Floats | None = None
    strategy: Strategy | None = None

    @property
    def length(self) -> int:
        """Symbols to draw of each stream."""
        return self.symbols.shape[0]

    @property
    def count(self) -> int:
        """Streams."""
        return self.symbols.shape[1]

    @property
    def turns(self) -> int:
        """Turns of the strategy."""
        return 0 if self.program is None else len(self.program)

    @property
    def numbers(self) -> int:
        """Numbers that it remembers of each stream."""
        return 0 if self.memory is None else self.memory.shape[1]


def check_numbers(values: NDArray[np.floating]) -> None:
    """Refuse what is not a number.

    Raises:
        RunError: Something is not.
    """
    if not np.isfinite(values).all():
        raise RunError("the network overflows: its outputs are no numbers; take other weights")


class Kernel(Protocol):
    """Compiled code for one network.

    Attributes:
        name: What computes.
        shapes: Constants of the network; OUTPUTS* and DRAWS, uniform numbers for a draw, at least.
        bytes: Of weights, biases and tables.
        measures: Whether it fills `log_prob` to `varentropy`; else it fills `outputs`.
        searches: Whether it knows the fields of searches.
        turns: Names of a strategy's turns that it knows, for levels.
    """

    name: str
    measures: bool
    searches: bool
    turns: tuple[str, ...]
    shapes: dict
    bytes: int

    def run(self, job: Any, begin: int, end: int) -> None:
        """Do a job for the streams from `begin` to `end`, and touch no other stream's part."""
