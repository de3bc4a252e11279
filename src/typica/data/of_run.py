"""The corpus that a run was trained on."""

from __future__ import annotations

from pathlib import Path

from typica.core.errors import DataError, RunError
from typica.core.run import Run
from typica.data.corpus import Corpus, open_corpus


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
