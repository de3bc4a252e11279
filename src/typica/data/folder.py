"""A folder of the user's recordings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from typica.core.errors import DataError
from typica.data import audiofile
from typica.data.corpus import LOCK
from typica.data.source import Item, Sound, Source
from typica.data.spans import Division

Labels = Literal["none", "folders"]


class FolderSource(Source):
    """All files of a folder and of the folders in it, but for hidden ones and prepared corpora.

    With `labels="folders"` the first folder on the way to a file names its class. `division` says
    what is held out: whole files, spans of time, or overlapping chunks.
    """

    made = "read from the sound files of a folder"

    def __init__(
        self,
        folder: Path,
        licence: str = "unknown",
        labels: Labels = "none",
        division: Division = "files",
    ) -> None:
        self.folder = Path(folder).absolute()
        self.name = self.folder.name or "recordings"
        self.licence = licence
        self.labels = labels
        self.division = division

    @property
    def origin(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def items(self) -> list[Item]:
        """List every file, whether or not it is a recording: opening it will tell."""
        if not self.folder.exists():
            raise DataError(f"there is no folder {self.folder}")
        if not self.folder.is_dir():
            raise DataError(f"{self.folder} is a file: name the folder that it lies in")
        if not _is_open(self.folder):
            raise DataError(f"the folder {self.folder} cannot be opened: permission denied")
        items = sorted(self._item(path) for path in _walk(self.folder))
        if not items:
            raise DataError(f"the folder {self.folder} is empty: put recordings into it")
        return items

    def open(self, item: Item) -> Sound:
        """Open a file and name its class."""
        path = self.folder / item.id
        if os.path.isdir(path):  # only one that could not be listed is an item
            raise DataError("cannot be opened: permission denied")
        label = self._label(item.id)
        if self.labels == "folders" and label is None:
            raise DataError("no label: it lies in no folder inside the folder of recordings")
        audio = audiofile.open_audio(path)
        return Sound(audio.rate, audio.blocks, label)

    def _item(self, path: Path) -> Item:
        name = path.relative_to(self.folder).as_posix()
        try:
            status = path.stat()
        except OSError:  # such as a link to nothing
            return Item(name, 0, "missing")
        # What decides whether and as what a file is read belongs to its stamp: once the
        # user has mended it, it is read again.
        stamp = f"{status.st_size} {status.st_mtime_ns} {_access(path)} {self._label(name)}"
        return Item(name, status.st_size, stamp)

    def _label(self, name: str) -> str | None:
        first, slash, _ = name.partition("/")
        return first if slash and self.labels == "folders" else None


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, and the folders that cannot be listed."""
    seen = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if not _is_open(place):
            yield place
            continue
        status = place.stat()
        # A link may lead back to a folder above it.
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for path in place.iterdir():
            if path.name.startswith("."):
                continue
            if os.path.isdir(path):  # false, not an error, where it may not be looked at
                if not os.path.exists(path / LOCK):
                    waiting.append(path)
            else:
                yield path


def _is_open(folder: Path) -> bool:
    try:
        folder.stat()
        os.listdir(folder)
    except OSError:
        return False
    return True


def _access(path: Path) -> str:
    own = os.access in os.supports_effective_ids
    if not os.access(path, os.R_OK, effective_ids=own):
        return "unreadable"
    if path.suffix.lower() in audiofile.MEDIA and not _have_av():
        return "undecodable"
    return "readable"


def _have_av() -> bool:
    from importlib.util import find_spec

    return find_spec("av") is not None
