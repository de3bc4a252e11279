"""Writing and reading one shard: the prepared recordings of a unit of work.

A shard NAME is `NAME.pcm` (little-endian 16-bit mono samples, one recording after another), for
each dense track `NAME.TRACK.u8` (rows of frames), where the source has notes `NAME.notes` (a row
a note), and `NAME.jsonl`: a line for each recording, or the reason why it was refused. The last is
put in place last: where it is, the shard is whole.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from typica.core.errors import DataError
from typica.core.files import replacing
from typica.data import note_table
from typica.data.pcm import Extent, mono_blocks, to_codes
from typica.data.source import Item, Source, TrackKind
from typica.data.units import Settings, Unit
from typica.score.notes import Notes

BLOCK = 1 << 16  # samples held in memory at once


def write_shard(source: Source, unit: Unit, settings: Settings, folder: Path) -> float:
    """Prepare the recordings of a unit into the shard of its name, in bounded memory.

    Returns:
        The seconds of audio in it.

    Raises:
        DiskError: It cannot be written; nothing of it is left.
    """
    with ExitStack() as stack:
        # What is entered first is put in place last.
        index = stack.enter_context(_file(index_path(folder, unit.name)))
        pcm = stack.enter_context(_file(pcm_path(folder, unit.name)))
        tracks = {
            name: stack.enter_context(_file(track_path(folder, unit.name, name)))
            for name in source.track_kinds
        }
        notes = (
            stack.enter_context(_file(notes_path(folder, unit.name))) if source.has_notes else None
        )
        part = stack.enter_context(tempfile.TemporaryFile(dir=folder))
        shard = _Shard(source, settings, pcm, tracks, notes, part)
        for item in unit.items:
            index.write(json.dumps(shard.add(item)).encode() + b"\n")
        return shard.length / settings.rate


def read_index(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the lines of a shard: `id`, `offset`, `length` ..., or `file` and `reason`."""
    return [json.loads(line) for line in index_path(folder, name).read_text().splitlines()]


def is_whole(
    folder: Path, name: str, kinds: Mapping[str, TrackKind], has_notes: bool = False
) -> bool:
    """Tell whether a shard is there with all its samples, frames and notes."""
    try:
        kept = [line for line in read_index(folder, name) if "id" in line]
        sizes = {pcm_path(folder, name): 2 * sum(line["length"] for line in kept)}
        for track, kind in kinds.items():
            frames = sum(line["tracks"][track][1] for line in kept)
            sizes[track_path(folder, name, track)] = frames * kind.channels
        if has_notes:
            rows = sum(line["notes"][1] for line in kept)
            sizes[notes_path(folder, name)] = rows * note_table.ROW.itemsize
        return all(path.stat().st_size == size for path, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def index_path(folder: Path, name: str) -> Path:
    """Return the place of a shard's own index."""
    return folder / f"{name}.jsonl"


def pcm_path(folder: Path, name: str) -> Path:
    """Return the place of a shard's samples."""
    return folder / f"{name}.pcm"


def track_path(folder: Path, name: str, track: str) -> Path:
    """Return the place of one of a shard's dense tracks."""
    return folder / f"{name}.{track}.u8"


def notes_path(folder: Path, name: str) -> Path:
    """Return the place of a shard's notes."""
    return folder / f"{name}.notes"


@contextmanager
def _file(path: Path) -> Iterator[IO[bytes]]:
    with replacing(path) as place, place.open("wb") as file:
        yield file


class _Shard:
    """The files of a shard being written, and how far they are written."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        pcm: IO[bytes],
        tracks: Mapping[str, IO[bytes]],
        notes: IO[bytes] | None,
        part: IO[bytes],
    ) -> None:
        self.source, self.settings = source, settings
        self.pcm, self.tracks, self.notes, self.part = pcm, tracks, notes, part
        self.length = self.rows = 0
        self.frames = dict.fromkeys(tracks, 0)

    def add(self, item: Item) -> dict[str, Any]:
        """Write a recording and return its line of the index, or say why it is refused."""
        try:
            sound = self.source.open(item)
            extent = self._hold(sound.blocks, sound.rate)
            extent.check(self.settings.minimum_s * self.settings.rate, self.settings.rate)
        except DataError as error:
            return {"file": item.id, "reason": str(error)}
        gain = extent.gain(self.settings.normalise)
        digest = hashlib.blake2b(digest_size=16)
        line = {
            "id": item.id,
            "offset": self.length,
            "length": extent.length,
            "gain": gain,
            "rms": self._write(extent.length, gain, digest),
            "label": sound.label,
            "tracks": self._write_tracks(sound.tracks, extent.length, digest),
        }
        if self.notes:
            line["notes"] = self._write_notes(sound.notes, self.notes, digest)
        line |= _given(split=sound.split, group=sound.group, facts=dict(sound.facts))
        return line | {"digest": digest.hexdigest()}

    def _hold(self, blocks: Iterable[np.ndarray], rate: int) -> Extent:
        """Keep a recording in a file, mono and at the wanted rate, until its peak is known."""
        self.part.seek(0)
        self.part.truncate()
        extent = Extent()
        with np.errstate(invalid="ignore", over="ignore"):
            for block in mono_blocks(blocks, rate, self.settings.rate):
                extent = extent.with_block(block)
                self.part.write(np.ascontiguousarray(block).data)
        return extent

    def _write(self, length: int, gain: float, digest: hashlib.blake2b) -> float:
        """Move the kept recording into the shard and return its level (root mean square)."""
        self.part.seek(0)
        energy = 0.0
        while data := self.part.read(4 * BLOCK):
            audio = np.frombuffer(data, np.float32)
            codes = to_codes(audio, gain)
            self.pcm.write(codes.data)
            digest.update(codes.data)
            energy += float(np.dot(audio, audio))
        self.length += length
        return gain * math.sqrt(energy / length)

    def _write_tracks(
        self, tracks: Mapping[str, np.ndarray], length: int, digest: hashlib.blake2b
    ) -> dict[str, list[int]]:
        """Write the frames that cover a recording and return where they are."""
        places = {}
        for name, kind in self.source.track_kinds.items():
            frames = math.ceil(length * kind.rate / self.settings.rate)
            rows = np.zeros((frames, kind.channels), np.uint8)
            given = tracks[name][:frames]
            rows[: len(given)] = given
            self.tracks[name].write(rows.data)
            digest.update(rows.data)
            places[name] = [self.frames[name], frames]
            self.frames[name] += frames
        return places

    def _write_notes(
        self, notes: Notes | None, file: IO[bytes], digest: hashlib.blake2b
    ) -> list[int]:
        """Write the notes of a recording and return where they are."""
        rows = note_table.rows_of(notes)
        file.write(rows.tobytes())
        digest.update(rows.tobytes())
        place = [self.rows, len(rows)]
        self.rows += len(rows)
        return place


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
