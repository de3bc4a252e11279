"""Looking into a prepared corpus."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from typica.data.corpus import REFUSED, Corpus, open_corpus, read_lines
from typica.data.refusals import Refusals, by_reason
from typica.data.source import TrackKind
from typica.data.split import SPLITS


class Share(NamedTuple):
    """What a split holds."""

    recordings: int
    hours: float


class Spread(NamedTuple):
    """How values are spread over the recordings."""

    least: float
    median: float
    most: float


class Inspection(NamedTuple):
    """What a corpus holds.

    Attributes:
        name: What training calls it.
        path: Its folder.
        source: Where the recordings came from.
        made: How they were made.
        licence: Of the recordings.
        rate: Sampling rate in hertz.
        normalise: "peak" or "none".
        fingerprint: Hash of the settings and of all recordings.
        splits: What each split holds.
        length_s: Lengths of the recordings.
        level_db: Their levels as prepared, root mean square in decibels of full scale.
        gain_db: What was added to their levels.
        labels: Recordings of each class.
        classes: How many values each class beside the label has.
        tracks: Dense tracks.
        refused: What was left out, by reason.
        disk_bytes: What the corpus takes.
    """

    name: str
    path: Path
    source: str
    made: str
    licence: str
    rate: int
    normalise: str
    fingerprint: str
    splits: dict[str, Share]
    length_s: Spread
    level_db: Spread
    gain_db: Spread
    labels: dict[str, int]
    classes: dict[str, int]
    tracks: dict[str, TrackKind]
    refused: list[Refusals]
    disk_bytes: int


def inspect_data(name: str | Path) -> Inspection:
    """Tell what a prepared corpus holds.

    Raises:
        DataError: There is no such corpus, or it is damaged.
    """
    corpus = open_corpus(name)
    recordings = corpus.recordings()
    counts = Counter(one.label for one in recordings)
    return Inspection(
        name=corpus.name,
        path=corpus.path,
        source=corpus.info["source"],
        made=corpus.info["made"],
        licence=corpus.licence,
        rate=corpus.rate,
        normalise=corpus.info["normalise"],
        fingerprint=corpus.fingerprint,
        splits={split: _share(corpus, split) for split in SPLITS},
        length_s=_spread(one.length / corpus.rate for one in recordings),
        level_db=_spread(20 * math.log10(one.rms) for one in recordings),
        gain_db=_spread(20 * math.log10(one.gain) for one in recordings),
        labels={label: counts[number] for number, label in enumerate(corpus.labels)},
        classes={name: len(values) for name, values in corpus.classes.items()},
        tracks=corpus.tracks,
        refused=by_reason(read_lines(corpus.path / REFUSED)),
        disk_bytes=sum(file.stat().st_size for file in corpus.path.rglob("*") if file.is_file()),
    )


def _share(corpus: Corpus, split: str) -> Share:
    return Share(len(corpus.recordings(split)), corpus.seconds(split) / 3600)


def _spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    return Spread(ordered[0], statistics.median(ordered), ordered[-1])
