"""Sequences of a wide range of likelihood, decoded from one model in many ways, and their places.

A place is d = (nll - H) / L: how much more a sequence costs than the model's own samples do on
average, in nats per symbol; and z, the same by the martingale of surprisals less entropies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.progress import Progress
from typica.decoding.chain import Chain
from typica.decoding.levels import ROWS, Levels, Score, read
from typica.decoding.search.beam import beam_search
from typica.decoding.search.greedy import greedy
from typica.decoding.selective import Band, selective_sampling
from typica.decoding.stages import Nucleus, Temperature, TopK, Typical

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
        symbols: Each sequence up to its end, for tables of habits; empty where there are none.
        again: Draws the model's own samples again and returns places of the sequences and of the
            samples: how sure the entropies are. None where they are known.
        held_out: Real sequences from the same clusters, which take no part in the curves: the
            standard that qualities are compared with.
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
    symbols: Sequence[Sequence[Hashable]] = ()
    again: Again | None = None
    held_out: Domain | None = None
    remark: str = ""

    @property
    def is_clustered(self) -> bool:
        """Whether several sequences belong to one prompt or word."""
        return len(np.unique(self.cluster)) < len(self.cluster)

    def pick(self, rows: NDArray) -> Domain:
        """Return the domain of some of its sequences, picked by an array of truths."""
        redraw = self.again
        columns = {name: getattr(self, name)[rows] for name in ("d", "z", "cluster", "way")}
        return replace(
            self,
            **columns,
            quality={name: values[rows] for name, values in self.quality.items()},
            symbols=[one for one, is_in in zip(self.symbols, rows, strict=False) if is_in],
            again=None if redraw is None else partial(_picked, redraw, rows),
        )


Again = Callable[[np.random.Generator], tuple[NDArray, NDArray]]


def _picked(redraw: Again, rows: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    d, own = redraw(rng)
    return d[rows], own


def redrawing(levels: Levels, row: NDArray, nll: NDArray) -> Again:
    """Return what draws the samples of levels again and places sequences by them."""

    def again(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        other = levels.again(rng)
        return other.d(row, nll), other.own

    return again


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


def selected(low: float, high: float) -> Way:
    """Return the way of selective sampling: ancestral samples whose z lies in a band."""
    band = Band(low, high, "z")

    def draw(engine: Engine, state: EngineState, length: int, source: torch.Generator) -> Tensor:
        one = partial(selective_sampling, length=length, band=band, batch=32, generator=source)
        found = [one(engine, state.pick([row])).sequences.symbols for row in range(state.count)]
        return torch.cat([filled(symbols, length, engine.model.final) for symbols in found])

    return Way(f"z {low:g} to {high:g}", draw)


def many_ways(times: int = 2, widths: Sequence[int] = (2, 5, 20, 64)) -> list[Way]:
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
        *map(beam, widths),
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


def score(engine: Engine, state: EngineState, sequences: Sequences, at_once: int = ROWS) -> Score:
    """Read sequences again and tell what they cost, whichever way they were decoded."""
    return read(engine, state, sequences.symbols, sequences.row, at_once=at_once)
