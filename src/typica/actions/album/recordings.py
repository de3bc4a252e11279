"""Whether recordings suffice for an album, and which came or went after its training had begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from typica.core.errors import DataError
from typica.data import shards
from typica.data.corpus import SHARDS, Corpus
from typica.data.folder import FolderSource
from typica.typicality.monitor.calibration import BLOCK_S
from typica.typicality.monitor.tail import LEAST_BLOCKS

LEAST_MINUTES = 5.0


def check_held_out(corpus: Corpus, split: str) -> None:
    """Refuse, before the training, what no checkpoint could be chosen by after it.

    Args:
        corpus: Of the recordings.
        split: How it was held out: "spans", "files" or "chunks".

    Raises:
        DataError: Too little is held out.
    """
    blocks = [one.length // round(BLOCK_S * corpus.rate) for one in corpus.recordings("valid")]
    if sum(blocks) < LEAST_BLOCKS:
        mend = "" if split == "spans" else ", or hold out spans of time by --split spans"
        raise DataError(
            f"the recordings last {corpus.seconds() / 60:.1f} minutes, and too little of that is "
            f"held out to tell music from traps: take at least {LEAST_MINUTES:g} minutes{mend}"
        )


def changes(folder: Path, corpus: Corpus) -> Iterator[str]:
    """Tell in sentences how a folder differs from the corpus that was prepared of it.

    Args:
        folder: Of the recordings.
        corpus: Which is kept as it is.
    """
    try:
        there = {item.id for item in FolderSource(folder).items()}
    except DataError as error:
        yield f"{error}; what was prepared of it is kept"
        return
    known = _known(corpus.path / SHARDS)
    if came := sorted(there - known):
        yield (
            f"{_named(came)} came after the training had begun, and nothing is learnt from that: "
            f"begin another album with --out"
        )
    if gone := sorted(known - there):
        yield f"{_named(gone)} is not in {folder} any more; what was prepared of it is kept"


def _known(folder: Path) -> set[str]:
    """Return the names of the files that were opened, used or not."""
    lines = (
        line for path in folder.glob("*.jsonl") for line in shards.read_index(folder, path.stem)
    )
    return {str(line.get("file", line.get("id"))) for line in lines}


def _named(names: Sequence[str]) -> str:
    more = len(names) - 1
    return names[0] if not more else f"{names[0]} (and {more} more)"
