"""Dividing an album by time: held-out spans with guards, or the overlapping chunks of Dadabots.

The recordings of a folder, one after the other, are one long line of time. Spans of it are held
out, and between what is trained on and what is not lies a guard that nobody hears. The published
preparation cuts overlapping chunks and splits them afterwards: what it holds out is trained on.

Sources: Zukowski and Carr 2017, "Generating Black Metal and Math Rock"; its scripts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from typica.core.errors import DataError
from typica.data import shards
from typica.data.pcm import FULL_SCALE
from typica.data.split import SHARE, TEST, TRAIN, VALID
from typica.data.units import Settings

Division = Literal["files", "spans", "chunks"]
DIVISIONS: tuple[Division, ...] = ("files", "spans", "chunks")
CHUNK_S = 8.0  # of a chunk, and of a guard between spans
SPAN_S = 60.0  # of a held-out span, about: fills the monitor's longest window several times
VALID_S, MOST = 72.0, 0.3  # what tells a trap from music, but no more than this share of the time
LEAST_CHUNKS = 12  # that an album must last: a third of it is then still trained on
HOP_S = 2700 / 3200  # from chunk to chunk: 3,200 of an album of 45 minutes
SEED, HELD_OUT = 123, 0.06  # of the published shuffle, and the share of `valid` and of `test`

Lines = list[dict[str, Any]]


class Span(NamedTuple):
    """Samples `start` to `stop` on the line of time, or of a recording, and their split."""

    start: int
    stop: int
    split: str

    def within(self, start: int, stop: int) -> Span:
        """Return what of it lies between two places, counted from the first."""
        return Span(max(self.start, start) - start, min(self.stop, stop) - start, self.split)


def divide(lines: Lines, division: Division, settings: Settings, folder: Path) -> Lines:
    """Return a line of the index for each part of each recording, with its split.

    The facts of a part are its manifest: `recording`, and the samples `start` to `stop` of it.

    Args:
        lines: Of whole recordings.
        division: "spans" or "chunks".
        settings: Those of the corpus.
        folder: The shards, which hold the recordings whole.

    Raises:
        DataError: The recordings are too short.
    """
    lengths = [line["length"] for line in lines]
    found = (spans_of if division == "spans" else chunks_of)(lengths, settings.rate)
    least = max(1, settings.minimum_s * settings.rate)
    return [
        _part(line, span, folder)
        for line, spans in zip(lines, found, strict=True)
        for span in spans
        if span.stop - span.start >= least
    ]


def spans_of(lengths: Sequence[int], rate: int) -> list[list[Span]]:
    """Hold out spans, about a tenth of the time for each of `valid` and `test`.

    Of short albums `valid` gets more: 72 s, by which a monitor tells music from traps.

    Args:
        lengths: Samples of the recordings, in their order.
        rate: Hertz.

    Returns:
        The spans of each recording. Along the line of time at least `CHUNK_S` seconds lie between
        spans of different splits.

    Raises:
        DataError: All together last less than ten chunks.
    """
    total, guard = sum(lengths), math.ceil(CHUNK_S * rate)
    if total < LEAST_CHUNKS * guard:
        raise DataError(
            f"the recordings last {total / rate:.1f} s together: to hold out spans with guards of "
            f"{CHUNK_S:g} s they must last {LEAST_CHUNKS * CHUNK_S:g} s; add recordings"
        )
    line = list(_line(total, guard, rate))
    ends = list(accumulate(lengths))
    return [
        [cut for span in line if (cut := span.within(end - length, end)).start < cut.stop]
        for length, end in zip(lengths, ends, strict=True)
    ]


def chunks_of(lengths: Sequence[int], rate: int) -> list[list[Span]]:
    """Cut overlapping chunks at even distances and split them at random, as it was published.

    Where the published script cuts one file made of all recordings, no chunk goes over the end of
    a recording here, and the last of each ends where it does; of what is shorter there is none.

    Args:
        lengths: Samples of the recordings, in their order.
        rate: Hertz.

    Raises:
        DataError: There are not even three chunks.
    """
    size = round(CHUNK_S * rate)
    starts = [_starts(length, size, rate) for length in lengths]
    count = sum(map(len, starts))
    if count < 3:
        raise DataError(
            f"there are {count} chunks of {CHUNK_S:g} s in the recordings: add recordings"
        )
    held_out = max(1, round(HELD_OUT * count))
    splits = [VALID] * held_out + [TEST] * held_out + [TRAIN] * (count - 2 * held_out)
    order = np.random.default_rng(SEED).permutation(count)
    drawn = iter(np.array(splits)[order].tolist())
    return [[Span(start, start + size, next(drawn)) for start in own] for own in starts]


def shared(lines: Iterable[dict[str, Any]], split: str = VALID) -> float:
    """Return the share of the samples of a split that are in parts to train on as well.

    Args:
        lines: Parts, as `divide` returns them.
        split: The split that should be held out.
    """
    parts = [(line["split"], line["facts"]) for line in lines]
    ends: dict[str, int] = {}
    for _, facts in parts:
        ends[facts["recording"]] = max(ends.get(facts["recording"], 0), facts["stop"])
    trained, held = ({name: np.zeros(end, bool) for name, end in ends.items()} for _ in "ab")
    for own, facts in parts:
        for name, marks in ((TRAIN, trained), (split, held)):
            if own == name:
                marks[facts["recording"]][facts["start"] : facts["stop"]] = True
    both = sum(int((trained[name] & held[name]).sum()) for name in ends)
    return both / max(1, sum(int(marks.sum()) for marks in held.values()))


def _line(total: int, guard: int, rate: int) -> Iterator[Span]:
    """Yield spans of the line of time: in each stretch of it one of `valid` and one of `test`."""
    count = max(1, round(SHARE * total / (SPAN_S * rate)))
    valid = max(SHARE * total, min(VALID_S * rate, MOST * total))
    lengths = {VALID: int(valid / count), TEST: int(SHARE * total / count)}
    done = 0
    for number in range(count):
        middle = (2 * number + 1) * total // (2 * count)
        start = middle - (sum(lengths.values()) + guard) // 2
        yield Span(done, start - guard, TRAIN)
        for split in (VALID, TEST) if number % 2 == 0 else (TEST, VALID):
            yield Span(start, start + lengths[split], split)
            start += lengths[split] + guard
        done = start
    yield Span(done, total, TRAIN)


def _starts(length: int, size: int, rate: int) -> list[int]:
    """Return where the chunks of a recording begin, the last so that it ends with it."""
    if length < size:
        return []
    steps = math.ceil((length - size) / (HOP_S * rate))
    return [number * (length - size) // max(1, steps) for number in range(steps + 1)]


def _part(line: dict[str, Any], span: Span, folder: Path) -> dict[str, Any]:
    """Return the line of a part of a recording."""
    start, stop, split = span
    path = shards.pcm_path(folder, line["shard"])
    place = 2 * (line["offset"] + start)
    codes = np.memmap(path, "<i2", "r", place, (stop - start,))
    level = math.sqrt(np.square(codes, dtype=np.float64).mean()) / FULL_SCALE
    return line | {
        "id": f"{line['id']}[{start}:{stop}]",
        "offset": line["offset"] + start,
        "length": stop - start,
        "rms": level,
        "digest": hashlib.blake2b(codes.data, digest_size=16).hexdigest(),
        "split": split,
        "facts": {**line.get("facts", {}), "recording": line["id"], "start": start, "stop": stop},
    }
