"""Sound files that end before they say: decoders read on as if such a file were whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Literal

from typica.core.errors import DataError

# Bytes of sound by a writer that did not know how many would come: this many, or more.
_UNSAID = 0x7FFFF000
_PAGE = 27  # bytes of an Ogg page before the lengths of its segments
_LONGEST_PAGE = _PAGE + 255 * 256

Order = Literal["little", "big"]


def check_uncut(path: Path) -> None:
    """Refuse a file of uncompressed sound, or of Ogg, whose end is missing.

    One of flac is refused by its decoder; what is missing of mp3 cannot be told.

    Raises:
        DataError: It ends before it says; the message is the reason alone.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        end = _FORMATS.get(head[:4], _nowhere)(file, head)
    if length < end:
        raise DataError(f"broken sound file: cut after {length} of {end} bytes")


def _nowhere(file: BinaryIO, head: bytes) -> int:
    return 0


def _riff(file: BinaryIO, head: bytes) -> int:
    """Return where a WAV file says it ends; 0 where it does not say."""
    return _end_of_chunk(file, b"data", "little") if head[8:] == b"WAVE" else 0


def _form(file: BinaryIO, head: bytes) -> int:
    """Return where an AIFF file says it ends; 0 where it does not say."""
    return _end_of_chunk(file, b"SSND", "big") if head[8:] in (b"AIFF", b"AIFC") else 0


def _end_of_chunk(file: BinaryIO, sound: bytes, order: Order) -> int:
    """Return where the chunk with the sound ends, by its size."""
    large = 0
    while len(chunk := file.read(8)) == 8:
        size = int.from_bytes(chunk[4:], order)
        if chunk[:4] == sound:
            return file.tell() + (large or size) if large or size < _UNSAID else 0
        if chunk[:4] == b"ds64":  # of files beyond 4 GiB: their size, and that of the sound
            large = int.from_bytes(file.read(16)[8:], order)
            size -= 16
        file.seek(size + size % 2, os.SEEK_CUR)
    return 0


def _caf(file: BinaryIO, head: bytes) -> int:
    """Return where a file of Core Audio says it ends: the sizes of its chunks have 8 bytes."""
    file.seek(8)
    while len(chunk := file.read(12)) == 12:
        size = int.from_bytes(chunk[4:], "big", signed=True)
        if chunk[:4] == b"data":
            return file.tell() + size
        file.seek(max(0, size), os.SEEK_CUR)
    return 0


def _w64(file: BinaryIO, head: bytes) -> int:
    """Return where a file of Sony's Wave64 says it ends: a name of 16 bytes, then its size."""
    file.seek(16)
    end = int.from_bytes(file.read(8), "little")
    return end if end < 1 << 62 else 0


def _au(file: BinaryIO, head: bytes) -> int:
    """Return where an AU file says it ends; 0 where it does not say."""
    begin, size = (int.from_bytes(head[at : at + 4], "big") for at in (4, 8))
    return begin + size if size < _UNSAID else 0


def _ogg(file: BinaryIO, head: bytes) -> int:
    """Return where the last page of an Ogg file says it ends."""
    begin = max(0, file.seek(0, os.SEEK_END) - 2 * _LONGEST_PAGE)
    file.seek(begin)
    tail = file.read()
    at = tail.rfind(b"OggS\0")
    segments = tail[at + _PAGE - 1] if 0 <= at < len(tail) - _PAGE else 0
    return begin + at + _PAGE + segments + sum(tail[at + _PAGE :][:segments])


_FORMATS: Mapping[bytes, Callable[[BinaryIO, bytes], int]] = {
    b"RIFF": _riff, b"RF64": _riff, b"FORM": _form, b"riff": _w64, b".snd": _au, b"caff": _caf,
    b"OggS": _ogg,
}  # fmt: skip
