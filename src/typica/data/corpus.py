"""A prepared corpus: recordings at one rate, memory-mapped, with their splits and conditions."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from typica.core.config import read_yaml
from typica.core.errors import DataError, did_you_mean
from typica.data import corpora, note_table, shards
from typica.data.pcm import FULL_SCALE
from typica.data.source import Fact, TrackKind
from typica.score.notes import Notes

if TYPE_CHECKING:
    from torch import Tensor

    from typica.core.condition import Condition

# Torch is imported where a tensor is made: listing and preparing corpora need none.

INFO, INDEX, REFUSED, SHARDS = "corpus.yaml", "index.jsonl", "refused.jsonl", "shards"
LOCK = ".prepare.lock"  # also the mark of a folder that is not prepared to its end
LABEL = "label"


class Recording(NamedTuple):
    """Where a recording lies in its corpus.

    Attributes:
        id: Its name in the source, such as a path inside the folder.
        split: "train", "valid" or "test".
        shard: Name of the shard that holds it.
        offset: Its first sample in the shard.
        length: Its samples.
        gain: What it was multiplied by when it was prepared.
        label: Number of its class in the corpus's `labels`, or None.
        tracks: First row and rows of each dense track in the shard, by name.
        rms: Its level as prepared, root mean square, full scale being 1.
        digest: Hash of its samples, frames and notes.
        notes: First row and rows of its notes in the shard, if it has any.
        group: What it does not share with recordings of another split, such as its speaker.
        facts: What else is known of it, such as its text.
    """

    id: str
    split: str
    shard: str
    offset: int
    length: int
    gain: float = 1.0
    label: int | None = None
    tracks: Mapping[str, Sequence[int]] = {}
    rms: float = 0.0
    digest: str = ""
    notes: Sequence[int] | None = None
    group: str | None = None
    facts: Mapping[str, Fact] = {}


class Corpus:
    """Recordings at one rate, on disk; what is read of them is memory-mapped.

    Attributes:
        path: Its folder.
        info: The settings and descriptions in its `corpus.yaml`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_yaml(path / INFO)
        self._maps: dict[str, np.ndarray] = {}

    def __reduce__(self) -> tuple[type[Corpus], tuple[Path]]:
        # Another process opens the corpus anew: a pickled map would be a copy of the data.
        return type(self), (self.path,)

    @property
    def name(self) -> str:
        """What the corpus is called."""
        return self.info["name"]

    @property
    def rate(self) -> int:
        """Sampling rate in hertz."""
        return self.info["rate"]

    @property
    def licence(self) -> str:
        """Licence of the recordings."""
        return self.info["licence"]

    @property
    def fingerprint(self) -> str:
        """Hash of the settings and of all recordings: equal where the data are."""
        return self.info["fingerprint"]

    @property
    def labels(self) -> list[str]:
        """Names of the classes; empty if there are none."""
        return self.info["labels"]

    @property
    def tracks(self) -> dict[str, TrackKind]:
        """The dense tracks that every recording carries, by name."""
        return {name: TrackKind(**kind) for name, kind in self.info["tracks"].items()}

    @property
    def classes(self) -> dict[str, list[Fact]]:
        """The facts that are classes beside the label, by name, with their values in order."""
        return self.info.get("classes", {})

    @property
    def values(self) -> dict[str, list[Fact]]:
        """The classes of each condition that is told once, by name: of the label and others."""
        return {LABEL: list(self.labels), **self.classes} if self.labels else self.classes

    def recordings(self, split: str | None = None) -> list[Recording]:
        """List the recordings of a split, or all."""
        return [one for one in self._recordings if split in (None, one.split)]

    def seconds(self, split: str | None = None) -> float:
        """Return how long the recordings of a split, or all, are together."""
        return sum(one.length for one in self.recordings(split)) / self.rate

    def audio(self, recording: Recording, start: int = 0, stop: int | None = None) -> Tensor:
        """Return samples `start` to `stop` of a recording, float32 in [-1, 1), (1, time).

        Positions before its first sample and past its last read as silence.
        """
        import torch

        stop = recording.length if stop is None else stop
        row = np.empty(max(0, stop - start), np.float32)
        self.fill(row, recording, start)
        return torch.from_numpy(row)[None]

    def fill(self, row: np.ndarray, recording: Recording, start: int) -> None:
        """Fill a float32 row (time,) with the audio of a recording from `start` on."""
        codes = self._map(shards.pcm_path(self.path / SHARDS, recording.shard), "<i2")
        _window(row, codes, recording.offset, recording.length, start)
        row *= 1 / FULL_SCALE

    def notes(self, recording: Recording) -> Notes:
        """Return what is played in a recording, in order of onset.

        Raises:
            DataError: The corpus holds no notes.
        """
        return note_table.notes_of(self._note_rows(recording))

    def hop(self, name: str) -> int:
        """Return the samples a frame of a dense track covers."""
        return round(self.rate / self.tracks[name].rate)

    def condition(
        self,
        recordings: Sequence[Recording],
        starts: Sequence[int],
        length: int,
        names: Iterable[str],
    ) -> Condition:
        """Return what a model is told beside crops of recordings.

        Args:
            recordings: Of each example.
            starts: First sample of each; a multiple of the hop of every dense track named.
                Frames outside of a recording read as zeros.
            length: Samples of each.
            names: "label" or another class, int64 (batch,); or dense tracks, whose frames come as
                they are stored, 0 to 255.

        Raises:
            DataError: The corpus has no such track.
        """
        return {name: self._track(name, recordings, starts, length) for name in names}

    def _track(
        self, name: str, recordings: Sequence[Recording], starts: Sequence[int], length: int
    ) -> Any:
        import torch

        from typica.core.condition import Track

        if name == LABEL and self.labels:
            return Track(torch.tensor([one.label for one in recordings], dtype=torch.int64))
        if name in self.classes:
            return Track(torch.tensor([self._class(name, one) for one in recordings]))
        self.check_names([name])
        channels, rate = self.tracks[name]
        hop = self.hop(name)
        frames = np.empty((len(recordings), channels, -(-length // hop)), np.float32)
        for columns, recording, start in zip(frames, recordings, starts, strict=True):
            if start % hop:
                raise ValueError(f"a crop with {name!r} must start at a multiple of {hop}: {start}")
            if name not in recording.tracks:
                rows = self._note_rows(recording)
                note_table.draw(columns.T, rows, name, rate, start // hop)
                continue
            path = shards.track_path(self.path / SHARDS, recording.shard, name)
            values = self._map(path, np.uint8).reshape(-1, channels)
            offset, count = recording.tracks[name]
            _window(columns.T, values, offset, count, start // hop)
        return Track(torch.from_numpy(frames), rate)

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse names of conditions that the corpus does not hold.

        Raises:
            DataError: There is no such track; the message names the nearest.
        """
        known = [*self.tracks, *self.classes, *([LABEL] if self.labels else [])]
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                raise DataError(f"the corpus {self.name!r} has no track {name!r}: {hint}")

    def _class(self, name: str, recording: Recording) -> int:
        if name not in recording.facts:
            raise DataError(f"{recording.id} of the corpus {self.name!r} has no {name!r}")
        return self.classes[name].index(recording.facts[name])

    def _note_rows(self, recording: Recording) -> np.ndarray:
        if recording.notes is None:
            raise DataError(f"the corpus {self.name!r} holds no notes")
        first, count = recording.notes
        path = shards.notes_path(self.path / SHARDS, recording.shard)
        # A file without a byte cannot be mapped.
        table = self._map(path, note_table.ROW) if count else np.empty(0, note_table.ROW)
        return table[first : first + count] if count else table

    @cached_property
    def _recordings(self) -> list[Recording]:
        lines = read_lines(self.path / INDEX)
        # Index and settings are renewed one after the other; an interruption may fall between.
        if fingerprint(self.info, lines) != self.fingerprint:
            raise DataError(
                f"the index of {self.path} is not the one that was prepared: "
                f"run `typica data prepare` for it again"
            )
        return [Recording(**line) for line in lines]

    def _map(self, path: Path, kind: Any) -> np.ndarray:
        key = path.name
        if key not in self._maps:
            try:
                self._maps[key] = np.asarray(np.memmap(path, kind, "r"))
            except (OSError, ValueError) as error:
                raise DataError(f"{path} is missing or damaged: {_AGAIN}") from error
        return self._maps[key]


_AGAIN = "run `typica data prepare` for this corpus again"


def open_corpus(name: str | Path) -> Corpus:
    """Open a prepared corpus by its folder or by its name in `data_home()`.

    Raises:
        DataError: There is none; the message proposes the nearest name.
    """
    for path in (Path(name), data_home() / name):
        if (path / INFO).is_file():
            return Corpus(path.absolute())
    if str(name) in corpora.names():
        raise DataError(f"{name} is not prepared yet: run `typica data prepare {name}`")
    known = {path.name for path in prepared()} | set(corpora.names())
    hint = did_you_mean(str(name), known)
    raise DataError(f"there is no corpus {str(name)!r} here or in {data_home()}: {hint}")


def prepared() -> list[Path]:
    """List the folders in `data_home()` that hold a corpus."""
    return sorted(path.parent for path in data_home().glob(f"*/{INFO}"))


def data_home() -> Path:
    """Return the folder of prepared corpora: $TYPICA_DATA, or the user's own data folder."""
    from platformdirs import user_data_path

    home = os.environ.get("TYPICA_DATA")
    return Path(home).absolute() if home else user_data_path("typica") / "data"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file that holds one JSON object a line.

    Raises:
        DataError: It is missing or damaged.
    """
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged: {_AGAIN}") from error


def fingerprint(info: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> str:
    """Return the hash of what a corpus says and holds, wherever its shards lie."""
    told = hashlib.blake2b(digest_size=16)
    for key in ("rate", "normalise", "labels", "tracks"):
        told.update(json.dumps([key, info[key]]).encode())
    if "classes" in info:
        told.update(json.dumps(["classes", info["classes"]]).encode())
    for line in lines:
        told.update(json.dumps([line[key] for key in ("id", "split", "label", "digest")]).encode())
        if line.get("facts"):
            told.update(json.dumps(sorted(line["facts"].items())).encode())
    return told.hexdigest()


def _window(out: np.ndarray, values: np.ndarray, offset: int, length: int, start: int) -> None:
    """Copy rows `start` on of the `length` rows at `offset`; what is outside of them is zero."""
    first, last = max(start, 0), min(start + len(out), length)
    if first >= last:
        out[:] = 0
        return
    piece = values[offset + first : offset + last]
    if len(piece) < last - first:
        raise DataError(f"a shard is cut short: {_AGAIN}")
    out[: first - start] = 0
    out[first - start : last - start] = piece
    out[last - start :] = 0
