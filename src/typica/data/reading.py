"""What kind of file something is, and the notes that are read of it: MIDI, or tunes as ABC."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from typica.core.errors import DataError
from typica.data.audiofile import check_file
from typica.score.abc.books import Typed, read_tunes
from typica.score.controls import Performance
from typica.score.midi import decode_performance

Kind = Literal["sound", "MIDI", "ABC"]

MIDI = frozenset((".mid", ".midi", ".kar", ".smf"))
ABC = frozenset((".abc",))

_HEAD = 1 << 16  # bytes in which a tune's header is looked for
_TUNE = re.compile(rb"^X:[ \t]*\d.*?^K:", re.MULTILINE | re.DOTALL)


def kind_of(path: Path) -> Kind:
    """Tell what a file holds: by its first bytes, or where they say nothing, by its ending.

    What is neither MIDI nor ABC is taken for sound, whose formats tell themselves when opened.

    Raises:
        DataError: It cannot be opened, or is empty.
    """
    path = Path(path)
    _check(path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"MThd") or path.suffix.lower() in MIDI:
        return "MIDI"
    if path.suffix.lower() in ABC or (b"\0" not in head and _TUNE.search(head)):
        return "ABC"
    return "sound"


def read_performance(path: Path) -> Performance:
    """Read the notes and control changes of a MIDI file.

    Raises:
        DataError: It cannot be opened, is no MIDI file, or is damaged.
    """
    _check(path)
    try:
        return decode_performance(Path(path).read_bytes())
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error


def read_abc(path: Path) -> list[Typed]:
    """Read the tunes of an ABC file as they were typed.

    Raises:
        DataError: It cannot be opened, or holds no tune.
    """
    _check(path)
    tunes = list(read_tunes(Path(path).read_bytes().decode("utf-8", "replace")))
    if not tunes:
        raise DataError(f"cannot use {path}: it holds no tune; a tune of ABC begins with X:")
    return tunes


def _check(path: Path) -> None:
    if Path(path).is_dir():
        raise DataError(f"cannot use {path}: it is a folder: name the files in it")
    try:
        check_file(Path(path))
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error
