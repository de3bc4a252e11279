"""The likelihood trap in folk tunes: how well formed and how like real ones they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from typica.core.engine import StepEngine
from typica.core.progress import Progress
from typica.core.randomness import seeded
from typica.lab.trap_domain import (
    ANCESTRAL,
    REFERENCE,
    Domain,
    Levels,
    Score,
    Sequences,
    decode,
    drawn,
    many_ways,
    redrawing,
    score,
    selected,
)
from typica.lab.tunes import HEADER, Recipe, Tunes, endless, folk_tunes, trained
from typica.score.abc.copies import Collection
from typica.score.abc.tokens import token_type
from typica.score.abc.validator import validate

PROMPT, LENGTH = 16, 64  # tokens: of a held-out tune with its header, and those that follow
GRAM = 4
BANDS = ((-4.0, -1.0), (1.0, 4.0))  # of z, for selective sampling
FORM, REPETITION = ("bars right", "well formed", "key kept"), ("steps", "variety")


class Size(NamedTuple):
    """How much is decoded."""

    prompts: int = 100
    own: int = 24  # samples from each prompt that its entropy is estimated by
    times: int = 1
    widths: tuple[int, ...] = (2, 5, 20, 64)
    recipe: Recipe = Recipe()
    books: tuple[str, ...] = ("ryan", "oneill", "aird")


SIZE = Size()


def tunes(seed: int, size: Size, progress: Progress) -> Domain:
    """Go on from the beginnings of held-out tunes in many ways, and judge what comes.

    All sequences are of one length: the network may not end them.
    """
    collection = folk_tunes(size.books)
    model = endless(trained(collection, size.recipe, seed=seed, progress=progress))
    engine, generator = StepEngine(model), seeded(seed)
    chosen = _chosen(collection, size.prompts, np.random.default_rng(seed))
    prompts = torch.tensor([row[:PROMPT] for row in chosen])
    state = engine.start(len(prompts), prompt=prompts)

    own_way = [drawn(ANCESTRAL, times=size.own)]
    own = decode(engine, state, LENGTH, own_way, generator, progress, "tunes: the model's own")
    ways = [*many_ways(size.times, size.widths), *(selected(*band) for band in BANDS)]
    found = decode(engine, state, LENGTH, ways, generator, progress, "tunes")
    levels = Levels.of(own.row, score(engine, state, own), len(prompts))
    judge = _Judge(prompts.tolist(), collection)
    real = Sequences(
        torch.tensor([row[PROMPT : PROMPT + LENGTH] for row in chosen]),
        np.arange(len(chosen)),
        np.full(len(chosen), REFERENCE, dtype=object),
    )
    remark = (
        f"{len(found.row)} sequences of {LENGTH} tokens after {PROMPT} of {len(prompts)} held-out "
        f"tunes; the end is forbidden."
    )
    others, standard = (
        _domain(sequences, score(engine, state, sequences), levels, judge, progress)
        for sequences in (found, real)
    )
    return replace(others, held_out=standard, remark=remark)


def _domain(
    sequences: Sequences, scored: Score, levels: Levels, judge: _Judge, progress: Progress
) -> Domain:
    return Domain(
        name="folk tunes",
        symbol="token",
        d=levels.d(sequences.row, scored.nll),
        z=scored.z,
        cluster=sequences.row,
        way=sequences.way,
        quality=judge.qualities(sequences, progress),
        own=levels.own,
        symbols=sequences.symbols.tolist(),
        again=redrawing(levels, sequences.row, scored.nll),
    )


def _chosen(collection: Tunes, count: int, rng: np.random.Generator) -> list[list[int]]:
    """Draw held-out tunes that are long enough, each as its numbers."""
    rows = [row.tolist() for row in collection.symbols(collection.held_out)]
    rows = [row for row in rows if len(row) > PROMPT + LENGTH]
    return [rows[number] for number in np.sort(rng.permutation(len(rows))[:count])]


class _Judge:
    """Judges sequences, each after its prompt.

    Args:
        prompts: Numbers of the tokens before each row's sequences.
        collection: Training tunes to copy from, held-out ones to be like.
    """

    def __init__(self, prompts: list[list[int]], collection: Tunes) -> None:
        self.prompts, self.tokens = prompts, collection.vocabulary.tokens
        cut = [tune.tokens[: PROMPT + LENGTH] for tune in collection.held_out]
        self.usual = _Usual([tokens for tokens in cut if len(tokens) == PROMPT + LENGTH])
        self.heard = Collection([tune.tokens for tune in collection.train])

    def qualities(self, sequences: Sequences, progress: Progress) -> dict[str, NDArray]:
        """Return the qualities of each sequence, 1 is best: of form, then of repetition."""
        columns: list[tuple[float, ...]] = []
        with progress.task("judging tunes", len(sequences.row), "tunes") as task:
            for row, symbols in zip(sequences.row, sequences.symbols.tolist(), strict=True):
                columns.append(self._judged([*self.prompts[row], *symbols]))
                task.advance()
        names = (*FORM, *REPETITION, "novelty")
        return dict(zip(names, np.array(columns).T, strict=True))

    def _judged(self, numbers: Sequence[int]) -> tuple[float, ...]:
        tokens = [self.tokens[number] for number in numbers]
        return *_formed(tokens), *self.usual.likeness(tokens), _novelty(tokens, self.heard)


def _formed(tokens: Sequence[str]) -> tuple[float, float, float]:
    """Return the share of right bars, whether nothing else is wrong, and the notes in the key."""
    found = validate(tokens, cut=True)
    others = [fault for fault in found.faults if fault.kind != "bar length"]
    notes = [token for token in tokens[HEADER:] if _is_note(token)]
    in_key = [token[0] not in "^_=" for token in notes]
    return found.share, float(not others), float(np.mean(in_key)) if notes else 0.0


def _is_note(token: str) -> bool:
    return token != "z" and token_type(token) == "pitch"


class _Usual:
    """What held-out tunes are like: the steps between their notes, and how varied they are."""

    def __init__(self, tunes: Sequence[Sequence[str]]) -> None:
        counts = Counter(step for tokens in tunes for step in _steps(tokens))
        total = sum(counts.values())
        self.shares = {step: count / total for step, count in counts.items()}
        self.variety = float(np.mean([_variety(tokens) for tokens in tunes]))

    def likeness(self, tokens: Sequence[str]) -> tuple[float, float]:
        """Return 1 less the total variation of the steps, and less the distance in variety."""
        own = Counter(_steps(tokens))
        total = sum(own.values()) or 1
        kinds = self.shares.keys() | own.keys()
        apart = sum(abs(self.shares.get(kind, 0) - own[kind] / total) for kind in kinds) / 2
        return 1 - apart, 1 - abs(_variety(tokens) - self.variety)


def _steps(tokens: Sequence[str]) -> list[tuple[int, str]]:
    """Return the steps of the scale from each note to the next, with the duration behind it."""
    heights = []
    for index, token in enumerate(tokens):
        if _is_note(token):
            after = tokens[index + 1] if index + 1 < len(tokens) else ""
            heights.append((_height(token), after if after and after[0] in "/123456789<>" else ""))
    return [
        (second - first, length)
        for (first, _), (second, length) in zip(heights, heights[1:], strict=False)
    ]


def _height(token: str) -> int:
    letter = token.strip("^_=,'")
    octave = 7 * (letter.islower() + token.count("'") - token.count(","))
    return "CDEFGAB".index(letter.upper()) + octave


def _variety(tokens: Sequence[str]) -> float:
    """Return the share of runs of four tokens that are different."""
    runs = [tuple(tokens[at : at + GRAM]) for at in range(HEADER, len(tokens) - GRAM + 1)]
    return len(set(runs)) / len(runs)


def _novelty(tokens: Sequence[str], heard: Collection) -> float:
    """Return 1 less the share of a tune that its longest copy of a training tune makes up."""
    return 1 - heard.longest_copy(tokens).length / (len(tokens) - HEADER)
