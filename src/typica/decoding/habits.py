"""Habits of what was drawn: how it repeats itself, and how varied it is.

Figures of the text, told without a model. They are those by which ways of decoding are compared in
the field: Holtzman et al. 2020, https://arxiv.org/abs/1904.09751, table 1; Li et al. 2016 for
distinct-n; Zhu et al. 2018 for self-BLEU. A sequence is a row of symbols, or a text of characters.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from typica.core.errors import ConfigError
from typica.decoding.utilities.ngrams import ngrams
from typica.decoding.utilities.utility import symbols_of

WINDOW, PHRASE, TIMES = 200, 2, 3
ZIPF_RANKS = 5000
BLEU_ORDER = 4
SMOOTHING = 0.1  # matches that stand for none (Chen and Cherry 2014, method 1)


class Repetition(NamedTuple):
    """What a sequence repeats at its end.

    Attributes:
        phrase: Number of symbols of it.
        times: How often in a row it stands there.
    """

    phrase: int
    times: int


class Habits(NamedTuple):
    """A row of Holtzman's table, and more.

    Attributes:
        repetition: Share of sequences that end in a repetition; see `ends_in_repetition`.
        distinct: Share of n-grams that are different, for n = 1 to 4.
        zipf: Coefficient of Zipf's law.
        self_bleu: Mean BLEU-4 of each against all others, in [0, 1]; NaN for one sequence.
        compression: Length over compressed length.
    """

    repetition: float
    distinct: tuple[float, float, float, float]
    zipf: float
    self_bleu: float
    compression: float


def habits(sequences: Sequence[Any]) -> Habits:
    """Return all figures of a set of sequences.

    Raises:
        ConfigError: There are no sequences, or no symbols in them.
    """
    rows = _rows(sequences)
    repeats = [ends_in_repetition(row) is not None for row in rows]
    one, two, three, four = (distinct_ngrams(rows, order) for order in (1, 2, 3, 4))
    return Habits(
        repetition=float(np.mean(repeats)),
        distinct=(one, two, three, four),
        zipf=zipf_coefficient(rows),
        self_bleu=float(np.mean(self_bleu(rows))) if len(rows) > 1 else math.nan,
        compression=compression_ratio(rows),
    )


def ends_in_repetition(
    sequence: Any, *, window: int = WINDOW, phrase: int = PHRASE, times: int = TIMES
) -> Repetition | None:
    """Return the repetition that a sequence ends in, or None.

    It is a phrase of at least `phrase` symbols that stands at least `times` times in a row at the
    very end. Of several, the one that covers most is returned, and of those the shortest phrase.

    Args:
        sequence: Symbols, without what fills it up behind its end.
        window: Only so many symbols at the end are looked at.
        phrase: Symbols of a phrase at least.
        times: Repetitions at least.

    Raises:
        ConfigError: A number is below 1, or `times` below 2.
    """
    if window < 1 or phrase < 1 or times < 2:
        raise ConfigError(
            f"a repetition needs window and phrase of at least 1, times of 2; got {window}, "
            f"{phrase} and {times}"
        )
    tail = symbols_of(sequence)[-window:]
    best: Repetition | None = None
    for size in range(phrase, len(tail) // times + 1):
        found = Repetition(size, _times_at_end(tail, size))
        if found.times >= times and (best is None or math.prod(found) > math.prod(best)):
            best = found
    return best


def distinct_ngrams(sequences: Sequence[Any], order: int) -> float:
    """Return distinct-n: different n-grams over all n-grams of all sequences, in [0, 1].

    It falls with the number of symbols: compare sets of equal size. It is NaN where no sequence
    holds an n-gram.
    """
    counts: Counter[tuple[Hashable, ...]] = Counter()
    for row in _rows(sequences):
        counts.update(ngrams(row, order))
    return len(counts) / counts.total() if counts else math.nan


def zipf_coefficient(sequences: Sequence[Any], *, ranks: int = ZIPF_RANKS) -> float:
    """Return s of Zipf's law, frequency proportional to rank ** -s, positive.

    The slope of the least-squares line through log frequency over log rank, of the `ranks` most
    frequent symbols, turned round. It is NaN where there are not two different symbols.
    """
    counts: Counter[Hashable] = Counter()
    for row in _rows(sequences):
        counts.update(row)
    frequencies = np.array([count for _, count in counts.most_common(ranks)], dtype=float)
    if len(frequencies) < 2:
        return math.nan
    slope = np.polyfit(np.log(np.arange(1, len(frequencies) + 1)), np.log(frequencies), 1)[0]
    return -float(slope)


def self_bleu(sequences: Sequence[Any], *, order: int = BLEU_ORDER) -> list[float]:
    """Return the BLEU of each sequence with all others as its references, in [0, 1].

    High where they are alike. Orders that a sequence is too short for do not count; where no n-gram
    of two symbols or more matches, a tenth of one is taken to; where no symbol does, it is 0. Costs
    grow with the number of n-grams, not with pairs.

    Raises:
        ConfigError: There are fewer than two sequences.
    """
    rows = _rows(sequences)
    if len(rows) < 2:
        raise ConfigError("self-BLEU needs at least 2 sequences, got 1")
    precisions = [_log_precisions(rows, size) for size in range(1, order + 1)]
    lengths = [len(row) for row in rows]
    scores = []
    for at, row in enumerate(rows):
        known = [column[at] for column in precisions if not math.isnan(column[at])]
        score = math.exp(sum(known) / len(known)) if known else 0.0
        scores.append(score * _brevity(len(row), lengths[:at] + lengths[at + 1 :]))
    return scores


def compression_ratio(sequences: Sequence[Any]) -> float:
    """Return the length of all sequences over their length compressed by zlib: high if they repeat.

    Texts are read as UTF-8. Other symbols are numbered in the order in which they come, and written
    as whole numbers of as few bytes as do, so that names of symbols are of no account.

    Source: Shaib et al. 2024, https://arxiv.org/abs/2403.00553.
    """
    rows = _rows(sequences)
    if all(isinstance(row, str) for row in rows):
        data = "\n".join(str(row) for row in rows).encode()
    else:
        numbers: dict[Hashable, int] = {}
        codes = [numbers.setdefault(symbol, len(numbers)) for row in rows for symbol in row]
        data = np.array(codes, dtype=np.min_scalar_type(len(numbers) - 1)).tobytes()
    return len(data) / len(zlib.compress(data, 9))


def _rows(sequences: Sequence[Any]) -> list[Sequence[Hashable]]:
    rows = [symbols_of(sequence) for sequence in sequences]
    if not any(rows):
        raise ConfigError("there are no symbols to tell the habits of")
    return rows


def _times_at_end(tail: Sequence[Hashable], size: int) -> int:
    phrase, times = tail[-size:], 1
    while tail[-size * (times + 1) : -size * times] == phrase:
        times += 1
    return times


def _log_precisions(rows: Sequence[Sequence[Hashable]], order: int) -> list[float]:
    """Return the logarithm of each row's share of n-grams that another has; NaN if it has none.

    An n-gram counts at most as often as in the other row that has it most often: only the two
    highest counts of each, and whose the highest is, need be known.
    """
    counters = [ngrams(row, order) for row in rows]
    highest: dict[tuple[Hashable, ...], tuple[int, int, int]] = {}
    for at, counts in enumerate(counters):
        for gram, count in counts.items():
            first, owner, second = highest.get(gram, (0, -1, 0))
            if count > first:
                highest[gram] = count, at, first
            elif count > second:
                highest[gram] = first, owner, count
    smoothing = math.log(SMOOTHING) if order > 1 else -math.inf
    found = []
    for at, counts in enumerate(counters):
        matched = 0
        for gram, count in counts.items():
            first, owner, second = highest[gram]
            matched += min(count, second if owner == at else first)
        total = counts.total()
        shared = math.log(matched) if matched else smoothing
        found.append(shared - math.log(total) if total else math.nan)
    return found


def _brevity(length: int, others: Sequence[int]) -> float:
    """Return BLEU's penalty for what is shorter than the reference nearest to it in length."""
    nearest = min(others, key=lambda other: (abs(other - length), other))
    if length >= nearest:
        return 1.0
    return math.exp(1 - nearest / length) if length else 0.0
