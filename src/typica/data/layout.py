"""Corpora that others have published: a folder in a known layout, read where it lies."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from typica.core.errors import DataError
from typica.data.audiofile import AudioFile, open_audio
from typica.data.source import Item, Source, Split

SPLITS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}
"""What those who publish call the splits, and what we call them."""

BROKEN = "broken"  # the key under which an item tells why it cannot be opened


class LayoutSource(Source):
    """Recordings in a folder of known layout.

    What is damaged in it is listed all the same, as an item that cannot be opened: so it is
    reported and counted.

    Args:
        folder: Where it lies; the `place` where it is installed if left out.

    Attributes:
        place: Where an installed package puts it, if one does.
    """

    place: ClassVar[Path | None] = None

    def __init__(self, folder: Path | None = None) -> None:
        chosen = self.place if folder is None else Path(folder).expanduser()
        self.folder = None if chosen is None else chosen.absolute()

    @property
    def origin(self) -> str:
        """The path of the folder."""
        return self.name if self.folder is None else str(self.folder)

    @property
    def is_ready(self) -> bool:
        """Whether the folder is here."""
        return self.folder is not None and self.folder.is_dir()

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            DataError: It is not here, and what to do about it.
        """
        if self.folder is None or (self.folder == self.place and not self.folder.is_dir()):
            raise DataError(f"{self.name} needs {self.needs}")
        if not self.folder.is_dir():
            raise DataError(f"there is no folder {self.folder}: {self.name} needs {self.needs}")
        return self.folder

    def items(self) -> list[Item]:
        """List what the folder holds, in order of the ids.

        Raises:
            DataError: It is not here, or not in this layout.
        """
        found: dict[str, Item] = {}
        for item in self._listed():
            # Named twice in a table, a recording is read once, as the first row says.
            found.setdefault(item.id, item)
        if not found:
            words = f"{self.root} is not laid out as {self.name}"
            inside = self._inside()
            if inside is not None:
                raise DataError(f"{words}, but its folder {inside.name} is: give --from {inside}")
            raise DataError(f"{words}: it needs {self.needs}")
        return [found[name] for name in sorted(found)]

    def _listed(self) -> Iterable[Item]:
        raise NotImplementedError

    def _inside(self) -> Path | None:
        """Return a folder in this one that is in this layout: an archive unpacked into it."""
        for folder in sorted(path for path in self.root.iterdir() if path.is_dir()):
            with suppress(DataError, OSError):
                if any(True for _ in type(self)(folder)._listed()):
                    return folder
        return None

    def _file(self, name: str, *others: str, **told: str) -> Item:
        """Return the item of a sound file by its path in the folder.

        Args:
            name: Of the sound file.
            others: Files that are read with it.
            told: What `open` needs to know.
        """
        pairs = tuple(sorted(told.items()))
        stamps, size = [], 0
        for part in (name, *others):
            try:
                status = (self.root / part).stat()
            except (OSError, ValueError):  # such as a name that no file can have
                return self._damaged(name, f"missing file: {part}" if others else "missing file")
            stamps.append(f"{status.st_size} {status.st_mtime_ns}")
            size += status.st_size
        return Item(name, size, " ".join(stamps), pairs)

    def _damaged(self, name: str, reason: str) -> Item:
        return Item(name, 0, "damaged", ((BROKEN, reason),))

    def _sound(self, item: Item) -> tuple[AudioFile, dict[str, str]]:
        """Open the sound file of an item, and return what its listing told of it."""
        told, path = check_whole(item), self.root / item.id
        return open_audio(path), told


def check_whole(item: Item) -> dict[str, str]:
    """Return what an item tells.

    Raises:
        DataError: It was found damaged when it was listed.
    """
    told = dict(item.told)
    if BROKEN in told:
        raise DataError(told[BROKEN])
    return told


def given(**facts: Any) -> dict[str, Any]:
    """Return the facts that are known: not those that are empty."""
    return {name: fact for name, fact in facts.items() if fact not in ("", None)}


def table(
    path: Path, columns: Iterable[str], delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str] | None]]:
    """Read a table with a header row by row: a line's number, and its values or None if damaged.

    Bytes that are no UTF-8 are read as Windows-1252, in which older files are written.

    Raises:
        DataError: It cannot be read, or lacks a column.
    """
    try:
        with path.open("r", encoding="utf-8-sig", errors="windows-1252", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path} has no column {missing[0]!r}")
            for row in reader:
                whole = None not in row and None not in row.values()
                yield reader.line_num, row if whole else None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    return wrong.decode("windows-1252", "replace"), error.end


codecs.register_error("windows-1252", _as_windows)
