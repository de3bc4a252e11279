"""The likelihood trap in pronunciations: how near they are to the dictionary's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import StepEngine
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.decoding.utilities.edit import EditSimilarity
from typica.lab.pronunciation import (
    LONGEST,
    Pronunciation,
    PronunciationConfig,
    PronunciationModel,
    about,
    as_phonemes,
    as_symbols,
    dictionary,
    some_words,
)
from typica.lab.trap_domain import (
    ANCESTRAL,
    REFERENCE,
    Domain,
    Levels,
    Sequences,
    decode,
    drawn,
    many_ways,
    redrawing,
    score,
)


class Size(NamedTuple):
    """How much is decoded."""

    words: int = 250
    own: int = 32  # samples of each word that its entropy is estimated by
    times: int = 1
    widths: tuple[int, ...] = (2, 5, 20)


SIZE = Size()


class Accuracy(NamedTuple):
    """How right pronunciations are, (pronunciations,) each.

    Attributes:
        exact: 1 where it is one of the dictionary's, else 0.
        edit: Edit similarity with the nearest of the dictionary's.
    """

    exact: NDArray
    edit: NDArray


def words(seed: int, size: Size, progress: Progress) -> Domain:
    """Pronounce words of the dictionary in many ways, and compare with the dictionary."""
    chosen = some_words(size.words, np.random.default_rng(seed))
    engine = StepEngine(PronunciationModel(PronunciationConfig(tuple(chosen))))
    generator = seeded(seed)
    state = engine.start(len(chosen), condition=about(range(len(chosen))))

    own_way = [drawn(ANCESTRAL, times=size.own)]
    own = decode(engine, state, LONGEST, own_way, generator, progress, "words: the model's own")
    found = decode(
        engine, state, LONGEST, many_ways(size.times, size.widths), generator, progress, "words"
    )
    every = _joined(found, as_symbols([dictionary()[word][0] for word in chosen]))

    levels = Levels.of(own.row, score(engine, state, own), len(chosen))
    scored = score(engine, state, every)
    accuracy = accuracies(every.symbols, [chosen[row] for row in every.row])
    said_all = as_phonemes(every.symbols)
    # The dictionary's own are right by definition: they have a place, and no quality of theirs.
    is_decoded = every.way != REFERENCE
    places = levels.d(every.row, scored.nll)
    return Domain(
        name="pronunciations",
        symbol="phoneme",
        d=places[is_decoded],
        z=scored.z[is_decoded],
        cluster=every.row[is_decoded],
        way=every.way[is_decoded],
        quality={
            "edit accuracy": accuracy.edit[is_decoded],
            "exact accuracy": accuracy.exact[is_decoded],
        },
        own=levels.own,
        symbols=[said for said, is_in in zip(said_all, is_decoded, strict=True) if is_in],
        again=redrawing(levels, every.row[is_decoded], scored.nll[is_decoded]),
        remark=(
            f"{int(is_decoded.sum())} pronunciations of {len(chosen)} words; those of the "
            f"dictionary itself, right by definition, lie at d = "
            f"{places[~is_decoded].mean():.3f} on average."
        ),
    )


def accuracies(symbols: Tensor, of: Sequence[str]) -> Accuracy:
    """Compare rows of symbols with the dictionary's pronunciations of words, each with its word."""
    said = as_phonemes(symbols)
    items: list[Pronunciation] = list(said)
    left, right = [], []
    for row, word in enumerate(of):
        for way in dictionary()[word]:
            left.append(row)
            right.append(len(items))
            items.append(way)
    similar = EditSimilarity().pairs(items, np.array(left), np.array(right))
    nearest = np.zeros(len(said))
    np.maximum.at(nearest, np.array(left), similar)
    exact = [way in dictionary()[word] for way, word in zip(said, of, strict=True)]
    return Accuracy(np.array(exact, dtype=float), nearest)


def _joined(found: Sequences, right: Tensor) -> Sequences:
    symbols = torch.cat([found.symbols, right])
    row = np.concatenate([found.row, np.arange(len(right))])
    return Sequences(symbols, row, np.append(found.way, [REFERENCE] * len(right)))
