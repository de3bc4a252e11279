"""Where recordings come from: a folder of the user's, or a corpus that typica makes itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from typica.score.notes import Notes

Fact = str | int | float
Split = Literal["train", "valid", "test"]


class Item(NamedTuple):
    """One recording that a source can open.

    Attributes:
        id: Its name in the source, such as a path inside the folder; unique, never reused.
        size: Bytes to read, or another guess of the work it takes, in bytes of sound file.
        stamp: Changes whenever what `open` gives would: prepared recordings are kept by it.
        told: What the listing knows of it and `open` needs, as pairs of texts; like the stamp,
            what it becomes is kept by it.
    """

    id: str
    size: int
    stamp: str
    told: tuple[tuple[str, str], ...] = ()


class TrackKind(NamedTuple):
    """What a dense track is made of: channels, and frames a second."""

    channels: int
    rate: float


class Sound(NamedTuple):
    """An opened recording, read block by block.

    Attributes:
        rate: Sampling rate in hertz.
        blocks: Float32 arrays (frames, channels), nominally in [-1, 1], in order. Reading them
            may raise DataError, as opening does.
        label: Name of its class, if the source has classes.
        tracks: By name, uint8 arrays (frames, channels), as the source's `track_kinds` say.
            Frame `i` covers the sound from `i / rate` to `(i + 1) / rate` seconds.
        notes: What is played in it, if the source `has_notes`; times from its beginning.
        split: Where those who published the recordings have put it, if they have.
        group: What it must not share with recordings of another split, such as its speaker.
        facts: What else is known of it, such as its text; those that the source's
            `class_names` name are classes.
    """

    rate: int
    blocks: Iterable[np.ndarray]
    label: str | None = None
    tracks: Mapping[str, np.ndarray] = {}
    notes: Notes | None = None
    split: Split | None = None
    group: str | None = None
    facts: Mapping[str, Fact] = {}


class Source(ABC):
    """Recordings, each opened by itself. Worker processes get a pickled copy.

    Attributes:
        name: What its corpus is called unless the user says otherwise.
        licence: Of the recordings, as a reader of a sample's card must know it.
        made: How they come to be, in one sentence.
        track_kinds: The dense tracks that every sound carries, by name.
        has_notes: Whether every sound carries its notes.
        class_names: The facts of which each value is a class, beside the label.
        minimum_s: Seconds below which a recording is of no use, unless the user says otherwise.
        needs: What must be installed or fetched first, in words; empty if nothing.
        division: What is held out: whole recordings ("files"), spans of time ("spans"), or chunks
            that overlap with others ("chunks"); the last two for sound alone, without tracks.
    """

    name: str
    licence: str
    made: str
    track_kinds: ClassVar[Mapping[str, TrackKind]] = {}
    has_notes: ClassVar[bool] = False
    class_names: ClassVar[tuple[str, ...]] = ()
    minimum_s: ClassVar[float] = 0.5
    needs: str = ""
    division: Literal["files", "spans", "chunks"] = "files"

    @property
    def is_ready(self) -> bool:
        """Whether what it needs is here."""
        return True

    @property
    def origin(self) -> str:
        """Where it is found, such as the path of a folder; its name if it is built in."""
        return self.name

    @abstractmethod
    def items(self) -> list[Item]:
        """List what there is, opening nothing.

        Raises:
            DataError: The source as a whole is missing or empty.
        """

    @abstractmethod
    def open(self, item: Item) -> Sound:
        """Begin to read a recording.

        Raises:
            DataError: It is unusable; the message is the reason alone, in the form "kind" or
                "kind: detail", such as "not a sound file".
        """
