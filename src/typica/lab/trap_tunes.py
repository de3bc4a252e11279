"""The likelihood trap in folk tunes: how well formed and how like real ones they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    score,
)
from typica.lab.tunes import HEADER, Recipe, TuneModel, Tunes, folk_tunes, trained
from typica.score.abc.copies import Collection
from typica.score.abc.tokens import token_type
from typica.score.abc.validator import validate

PROMPT, LENGTH = 16, 64  # tokens: of a held-out tune with its header, and those that follow
GRAM = 4


class Size(NamedTuple):
    """How much is decoded."""

    prompts: int = 100
    own: int = 24  # samples from each prompt that its entropy is estimated by
    times: int = 2
    recipe: Recipe = Recipe()
    books: tuple[str, ...] = ("ryan", "oneill", "aird")


SIZE = Size()


def tunes(seed: int, size: Size, progress: Progress) -> Domain:
    """Go on from the beginnings of held-out tunes in many ways, and judge what comes.

    All sequences are of one length: what ends earlier is left out.
    """
    collection = folk_tunes(size.books)
    model = trained(collection, size.recipe, seed=seed, progress=progress)
    engine, generator = StepEngine(model), seeded(seed)
    chosen = _chosen(collection, size.prompts, np.random.default_rng(seed))
    prompts = torch.tensor([row[:PROMPT] for row in chosen])
    state = engine.start(len(prompts), prompt=prompts)

    own_way = [drawn(ANCESTRAL, times=size.own)]
    own = decode(engine, state, LENGTH, own_way, generator, progress, "tunes: the model's own")
    found = decode(engine, state, LENGTH, many_ways(size.times), generator, progress, "tunes")
    real = torch.tensor([row[PROMPT : PROMPT + LENGTH] for row in chosen])
    every = _joined(found, real)

    own = own.pick(_whole(own, model))
    is_whole = _whole(every, model)
    kept = every.pick(is_whole)
    levels = Levels.of(own.row, score(engine, state, own))
    scored = score(engine, state, kept)
    return Domain(
        name="folk tunes",
        symbol="token",
        d=levels.d(kept.row, scored),
        z=scored.z,
        cluster=kept.row,
        way=kept.way,
        quality=_qualities(kept, prompts.tolist(), collection, progress),
        own=levels.own,
        remark=_remark(len(prompts), int((~is_whole).sum()), scored),
    )


def _chosen(collection: Tunes, count: int, rng: np.random.Generator) -> list[list[int]]:
    """Draw held-out tunes that are long enough, each as its numbers."""
    rows = [row.tolist() for row in collection.symbols(collection.held_out)]
    rows = [row for row in rows if len(row) > PROMPT + LENGTH]
    return [rows[number] for number in np.sort(rng.permutation(len(rows))[:count])]


def _joined(found: Sequences, real: torch.Tensor) -> Sequences:
    symbols = torch.cat([found.symbols, real])
    row = np.concatenate([found.row, np.arange(len(real))])
    return Sequences(symbols, row, np.append(found.way, [REFERENCE] * len(real)))


def _whole(sequences: Sequences, model: TuneModel) -> NDArray:
    return ~(sequences.symbols == model.final).any(1).numpy()


def _remark(prompts: int, short: int, scored: Score) -> str:
    return (
        f"{len(scored.nll)} sequences of {LENGTH} tokens after {PROMPT} of {prompts} held-out "
        f"tunes; {short} that ended earlier are left out"
    )


def _qualities(
    sequences: Sequences, prompts: list[list[int]], collection: Tunes, progress: Progress
) -> dict[str, NDArray]:
    """Judge sequences, each after its prompt; 1 is best."""
    vocabulary = collection.vocabulary
    rows = [
        [vocabulary.tokens[number] for number in [*prompts[row], *symbols]]
        for row, symbols in zip(sequences.row, sequences.symbols.tolist(), strict=True)
    ]
    cut = [tune.tokens[: PROMPT + LENGTH] for tune in collection.held_out]
    usual = _Usual([tokens for tokens in cut if len(tokens) == PROMPT + LENGTH])
    heard = Collection([tune.tokens for tune in collection.train])
    columns: list[tuple[float, ...]] = []
    with progress.task("judging tunes", len(rows), "tunes") as task:
        for tokens in rows:
            columns.append((*_formed(tokens), *usual.likeness(tokens), _novelty(tokens, heard)))
            task.advance()
    right, formed, in_key, steps, variety, novelty = np.array(columns).T
    return {
        "all five": _together([right, formed, in_key, steps, variety]),
        "bars right": right,
        "variety": variety,
        "steps": steps,
        "well formed": formed,
        "key kept": in_key,
        "novelty": novelty,
    }


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


def _together(qualities: Sequence[NDArray]) -> NDArray:
    """Return the mean of qualities, each in its standard deviations above its mean."""
    return np.mean([(one - one.mean()) / max(float(one.std()), 1e-12) for one in qualities], axis=0)
