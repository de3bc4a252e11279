"""Ways of decoding by how often they pronounce words as the dictionary does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine, EngineState, StepEngine
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.decoding.risk.minimum_bayes_risk import minimum_bayes_risk
from typica.decoding.search.exact import exact_search
from typica.decoding.stages import Nucleus, Typical
from typica.decoding.utilities.edit import EditSimilarity
from typica.lab.pronunciation import (
    LONGEST,
    PronunciationConfig,
    PronunciationModel,
    about,
    as_phonemes,
    as_symbols,
    some_words,
)
from typica.lab.trap_domain import (
    ANCESTRAL,
    Sequences,
    Way,
    beam,
    decode,
    drawn,
    filled,
    greedily,
    score,
)
from typica.lab.trap_words import accuracies

EXACT, RESAMPLES = "exact mode", 1000
SHARE = 0.9  # of nucleus and typical sampling


class Size(NamedTuple):
    """How much is decoded."""

    words: int = 600
    widths: tuple[int, ...] = (1, 2, 5, 10, 30, 100)
    samples: tuple[int, ...] = (10, 30, 100)
    budget: int = 2000  # expansions a word of the exact search


SIZE = Size()


class Result(NamedTuple):
    """How a way of decoding does, over the same words.

    Attributes:
        way: Its name.
        exact: 1 for each word that is right, else 0, (words,).
        edit: Edit accuracy of each word, (words,).
        nats: Log-likelihood of each pronunciation under the network, (words,).
    """

    way: str
    exact: NDArray
    edit: NDArray
    nats: NDArray


class Comparison(NamedTuple):
    """All ways, and the share of words whose exact mode was proven."""

    results: list[Result]
    proven: float


def compare(seed: int, size: Size, progress: Progress) -> Comparison:
    """Pronounce words once by each way, and compare with the dictionary."""
    # Other words than those of the trap, and other draws.
    words = some_words(size.words, np.random.default_rng(seed + 1))
    engine = StepEngine(PronunciationModel(PronunciationConfig(tuple(words))))
    state = engine.start(len(words), condition=about(range(len(words))))
    generator = seeded(seed + 1)

    ways: list[Way] = [
        drawn(ANCESTRAL),
        drawn(f"nucleus {SHARE}", Nucleus(SHARE)),
        drawn(f"typical {SHARE}", Typical(SHARE)),
        greedily(),
        *map(beam, size.widths),
    ]
    found = decode(engine, state, LONGEST, ways, generator, progress, "pronouncing words")
    said = {way.name: found.symbols[torch.from_numpy(found.way == way.name)] for way in ways}
    said[EXACT], proven = _modes(engine, state, size.budget, progress)
    said |= _least_risk(engine, state, size.samples, generator, progress)

    results = []
    for way, symbols in said.items():
        accuracy = accuracies(symbols, words)
        rows = Sequences(symbols, np.arange(len(words)), np.full(len(words), way))
        nll = score(engine, state, rows).nll
        results.append(Result(way, accuracy.exact, accuracy.edit, -nll))
    return Comparison(results, proven)


def _modes(
    engine: Engine, state: EngineState, budget: int, progress: Progress
) -> tuple[Tensor, float]:
    """Return the most likely pronunciation of each word, and how many are proven to be it."""
    found = exact_search(engine, state, LONGEST, budget=budget, progress=progress)
    proven = np.mean([stop == "proven" for stop in found.stopped])
    return filled(found.best().symbols, LONGEST, engine.model.final), float(proven)


def _least_risk(
    engine: Engine,
    state: EngineState,
    counts: tuple[int, ...],
    generator: torch.Generator,
    progress: Progress,
) -> dict[str, Tensor]:
    """Return what minimum Bayes risk under edit similarity chooses of the first samples."""
    ways = [drawn(ANCESTRAL, times=max(counts))]
    samples = decode(engine, state, LONGEST, ways, generator, progress, "samples for Bayes risk")
    phonemes = as_phonemes(samples.symbols)
    mine = [np.flatnonzero(samples.row == row) for row in range(state.count)]
    chosen = {}
    with progress.task("minimum Bayes risk", len(counts) * state.count, "words") as task:
        for count in counts:
            best = []
            for rows in mine:
                given = [phonemes[row] for row in rows[:count]]
                best.append(minimum_bayes_risk(None, given, EditSimilarity()).best)
                task.advance()
            # A sample that never came to its end is as long as a row: its last symbol is lost.
            chosen[f"Bayes risk {count}"] = as_symbols([one[: LONGEST - 1] for one in best])
    return chosen


def interval(values: NDArray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean over words."""
    count = len(values)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
    low, high = np.quantile(weights @ values, [0.025, 0.975])
    return float(low), float(high)


def rows(comparison: Comparison, rng: Callable[[], np.random.Generator]) -> list[list]:
    """Return a row for each way: accuracies with their intervals, and what it costs the network."""
    table: list[list] = []
    for way, exact, edit, nats in comparison.results:
        columns = [exact.mean(), *interval(exact, rng()), edit.mean(), *interval(edit, rng())]
        table.append([way, *(round(float(number), 4) for number in [*columns, nats.mean()])])
    return table


COLUMNS = ["decoding", "exact", "low", "high", "edit", "low", "high", "log-likelihood"]


def difference(
    comparison: Comparison, way: str, other: str, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return how much more often one way is right than another, with its 95 % interval."""
    of = {result.way: result.exact for result in comparison.results}
    apart = of[way] - of[other]
    return float(apart.mean()), *interval(apart, rng)
