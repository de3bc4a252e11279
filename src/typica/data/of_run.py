"""The corpus that a run was trained on, and what was held out of it."""

from __future__ import annotations

import math
from pathlib import Path

from typica.core.errors import DataError, RunError
from typica.core.run import Run
from typica.data.corpus import Corpus, Recording, open_corpus
from typica.data.stretch import Stretch

HELD_OUT = ("valid", "test")  # the first that holds anything
EXCERPT_S = 80.0  # fills the monitor's longest window, and then two blocks of its calibration


def corpus_of(run: Run, named: str | None = None) -> Corpus:
    """Open the corpus of a run where it lay, or by its name; or another that is named.

    Raises:
        DataError: It is not at hand, or the run does not say what it was trained on.
        RunError: It is of another sampling rate than the run.
    """
    own = run.config.get("corpus") or {}
    if named is None and not own.get("name"):
        raise DataError(f"{run.name} does not say what it was trained on: name a corpus by --data")
    path = Path(own.get("path") or "")
    is_there = own.get("path") and path.is_dir()
    corpus = open_corpus(named or (path if is_there else own["name"]))
    if corpus.rate != run.rate:
        raise RunError(
            f"{run.name} models audio at {run.rate} Hz and {corpus.name} is at {corpus.rate} Hz: "
            f"prepare it again with --rate {run.rate}"
        )
    return corpus


def unchanged_corpus(run: Run) -> Corpus:
    """Open the corpus a run was trained on.

    Raises:
        DataError: It is not at hand, or is another by now.
        RunError: It is of another sampling rate by now.
    """
    corpus = corpus_of(run)
    if corpus.fingerprint != run.config["corpus"].get("fingerprint"):
        raise DataError(f"the corpus {corpus.name} is not as it was when {run.name} was trained")
    return corpus


def held_out(corpus: Corpus, seconds: float) -> list[Stretch]:
    """Choose what to listen to of the recordings that were held out, at most so many seconds.

    All of them, whole, where they are no longer than that; else excerpts of at most 80 s, spread
    evenly over all. Excerpts begin where a frame of every dense track does.

    Raises:
        DataError: None was held out.
    """
    recordings = next((found for split in HELD_OUT if (found := corpus.recordings(split))), [])
    if not recordings:
        raise DataError(f"nothing was held out of the corpus {corpus.name}")
    most = max(1, int(seconds * corpus.rate))
    total = sum(one.length for one in recordings)
    if total <= most:
        return [Stretch(one, 0, one.length) for one in recordings]
    longest, step = min(most, round(EXCERPT_S * corpus.rate)), _frame(corpus)
    parts = [part for one in recordings for part in _cut(one, longest, step)]
    count = min(len(parts), -(-most * len(parts) // _samples(parts)))
    while _samples(_spread(parts, count)) > most:
        count -= 1  # parts are not all of one length; a single one is not too long
    return _spread(parts, count)


def _frame(corpus: Corpus) -> int:
    """Return the samples after which frames of all dense tracks begin together."""
    return math.lcm(*(corpus.hop(name) for name in corpus.tracks))


def _cut(recording: Recording, longest: int, step: int) -> list[Stretch]:
    """Return as many parts of a length as a recording holds, spread evenly over it."""
    count = max(1, recording.length // longest)
    length = min(longest, recording.length)
    starts = (number * recording.length // count // step * step for number in range(count))
    return [Stretch(recording, start, start + length) for start in starts]


def _spread(parts: list[Stretch], count: int) -> list[Stretch]:
    return [parts[(2 * number + 1) * len(parts) // (2 * count)] for number in range(count)]


def _samples(parts: list[Stretch]) -> int:
    return sum(part.length for part in parts)
