"""The corpus that a run was trained on, and what was held out of it."""

from __future__ import annotations

from pathlib import Path

from typica.core.errors import DataError, RunError
from typica.core.run import Run
from typica.data.corpus import Corpus, Recording, open_corpus

HELD_OUT = ("valid", "test")  # the first that holds anything


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


def held_out(corpus: Corpus, seconds: float) -> list[Recording]:
    """Choose whole recordings that were held out, spread evenly over all, to so many seconds.

    Raises:
        DataError: None was held out.
    """
    recordings = next((found for split in HELD_OUT if (found := corpus.recordings(split))), [])
    if not recordings:
        raise DataError(f"nothing was held out of the corpus {corpus.name}")
    share = min(1.0, seconds * corpus.rate / sum(one.length for one in recordings))
    count = max(1, round(share * len(recordings)))
    return [recordings[number * len(recordings) // count] for number in range(count)]
