"""Sequences of a wide range of likelihood, decoded from one model in many ways, and their places.

A place is d = (nll - H) / L: how much more a sequence costs than the model's own samples do on
average, in nats per symbol; and z, the same by the martingale of surprisals less entropies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.progress import Progress
from typica.decoding.chain import Chain
from typica.decoding.generation import count_symbols
from typica.decoding.search.beam import beam_search
from typica.decoding.search.greedy import greedy
from typica.decoding.stages import Nucleus, Temperature, TopK, Typical
from typica.typicality.surprisal import measure

ROWS = 1024  # sequences that are decoded or read side by side
ANCESTRAL, GREEDY, REFERENCE = "ancestral", "greedy", "held out"


@dataclass(frozen=True)
class Domain:
    """Sequences of one kind with their places and qualities; all arrays (sequences,).

    Attributes:
        name: Of the domain.
        symbol: What a sequence is of, in the singular.
        d: Cost above the entropy, in nats per symbol.
        z: The martingale's score: 0 is typical.
        cluster: Which prompt, word or source each belongs to.
        way: How each was decoded.
        quality: Proxies of quality by name, higher is better.
        own: d of samples of the model's own that are not among the sequences.
        remark: What to bear in mind.
    """

    name: str
    symbol: str
    d: NDArray
    z: NDArray
    cluster: NDArray
    way: NDArray
    quality: Mapping[str, NDArray]
    own: NDArray
    remark: str = ""


Draw = Callable[[Engine, EngineState, int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Way:
    """A way of decoding.

    Attributes:
        name: As in tables.
        draw: Returns symbols (rows, length), one sequence for each row of a state.
        times: How often it is used from each row.
        width: Rows of the engine that it needs for each sequence.
    """

    name: str
    draw: Draw
    times: int = 1
    width: int = 1


def drawn(name: str, *stages: Temperature | TopK | Nucleus | Typical, times: int = 1) -> Way:
    """Return the way of a chain of stages."""
    strategy = Chain(*stages)

    def draw(engine: Engine, state: EngineState, length: int, source: torch.Generator) -> Tensor:
        return engine.draw(state, length, strategy=strategy, generator=source).symbols

    return Way(name, draw, times)


def beam(width: int) -> Way:
    """Return the way of a beam."""

    def search(engine: Engine, state: EngineState, length: int, _: torch.Generator) -> Tensor:
        return beam_search(engine, state, length, width=width, n_best=1).symbols

    return Way(f"beam {width}", search, width=width)


def greedily() -> Way:
    """Return the way of greedy decoding."""
    return Way(GREEDY, lambda engine, state, length, _: greedy(engine, state, length).symbols)


def many_ways(times: int = 2) -> list[Way]:
    """Return the ways of the protocol: each stochastic one is used `times` from each row."""
    cold_to_hot = (0.3, 0.5, 0.7, 0.85, 1.15, 1.3, 1.5)
    shares = (0.3, 0.6, 0.9)
    return [
        drawn(ANCESTRAL, times=2 * times),
        *(drawn(f"T = {one}", Temperature(one), times=times) for one in cold_to_hot),
        *(drawn(f"nucleus {one}", Nucleus(one), times=times) for one in shares),
        *(drawn(f"typical {one}", Typical(one), times=times) for one in shares),
        *(drawn(f"top-k {one}", TopK(one), times=times) for one in (3, 10)),
        greedily(),
        beam(5),
        beam(20),
    ]


class Sequences(NamedTuple):
    """Sequences that were decoded.

    Attributes:
        symbols: Shape (sequences, length), filled with the final symbol.
        row: Row of the state that each goes on from.
        way: How it was decoded.
    """

    symbols: Tensor
    row: NDArray
    way: NDArray

    def pick(self, rows: NDArray) -> Sequences:
        """Return those that an array of truths or numbers picks."""
        return Sequences(self.symbols[torch.from_numpy(rows)], self.row[rows], self.way[rows])


def decode(
    engine: Engine,
    state: EngineState,
    length: int,
    ways: Sequence[Way],
    generator: torch.Generator,
    progress: Progress,
    what: str = "decoding",
) -> Sequences:
    """Decode from each row of a state in many ways.

    Raises:
        ConfigError: A way cannot be used on this model.
    """
    parts: list[Sequences] = []
    with progress.task(what, total=len(ways), unit="ways") as task:
        for way in ways:
            rows = np.repeat(np.arange(state.count), way.times)
            for some in np.array_split(rows, max(1, -(-len(rows) * way.width // ROWS))):
                found = way.draw(engine, state.pick(some.tolist()), length, generator)
                name = np.full(len(some), way.name, dtype=object)
                parts.append(Sequences(filled(found, length, engine.model.final), some, name))
            task.advance()
    symbols = torch.cat([part.symbols for part in parts])
    return Sequences(symbols, *(np.concatenate(one) for one in list(zip(*parts, strict=True))[1:]))


def filled(symbols: Tensor, length: int, final: int | None) -> Tensor:
    """Return rows at a length: what is missing is filled with the final symbol."""
    missing = length - symbols.shape[1]
    if not missing:
        return symbols
    assert final is not None  # without an end all are equally long
    return torch.nn.functional.pad(symbols, (0, missing), value=final)


class Score(NamedTuple):
    """What sequences cost, (sequences,) each, in nats and nats squared.

    Attributes:
        nll: Negative log-likelihood.
        entropy: Sum of the model's entropies before each symbol.
        variance: Sum of its varentropies likewise.
        length: Symbols of account, the final one among them.
    """

    nll: NDArray
    entropy: NDArray
    variance: NDArray
    length: NDArray

    @property
    def z(self) -> NDArray:
        """The martingale's score; 0 where the model was certain of every step and right."""
        excess = self.nll - self.entropy
        return np.where(self.variance > 0, excess / np.sqrt(np.maximum(self.variance, 1e-12)), 0)


@torch.no_grad()
def score(engine: Engine, state: EngineState, sequences: Sequences, at_once: int = ROWS) -> Score:
    """Read sequences again and tell what they cost, whichever way they were decoded."""
    parts = []
    for begin in range(0, len(sequences.row), at_once):
        rows = sequences.row[begin : begin + at_once]
        symbols = sequences.symbols[begin : begin + at_once]
        distribution, _ = engine.follow(symbols, state.pick(rows.tolist()))
        lengths, _ = count_symbols(symbols, engine.model.final)
        counts = torch.arange(symbols.shape[1]) < lengths[:, None]
        nll, entropy, variance = (
            part.double().where(counts, 0.0).sum(1).numpy()
            for part in measure(distribution, symbols)
        )
        parts.append(Score(nll, entropy, variance, lengths.numpy()))
    return Score(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Levels:
    """The entropy of sequences from each row, by samples of the model's own.

    Attributes:
        entropy: In nats, (rows,).
        length: Mean number of symbols, (rows,).
        own: d of each of the samples.
    """

    entropy: NDArray
    length: NDArray
    own: NDArray = field(repr=False)

    @classmethod
    def of(cls, row: NDArray, scored: Score) -> Levels:
        """Estimate them from ancestral samples, each row having some."""
        counts = np.bincount(row)
        entropy = np.bincount(row, scored.nll) / counts
        length = np.bincount(row, scored.length) / counts
        levels = cls(entropy, length, np.empty(0))
        # Each sample lies among the others, of which its own row's entropy is the mean.
        others = (entropy * counts)[row] - scored.nll
        left_out = others / np.maximum(counts[row] - 1, 1)
        return cls(entropy, length, (scored.nll - left_out) / levels.length[row])

    def d(self, row: NDArray, scored: Score) -> NDArray:
        """Return (nll - H) / L of sequences, L the mean length of the row's samples."""
        return (scored.nll - self.entropy[row]) / self.length[row]
