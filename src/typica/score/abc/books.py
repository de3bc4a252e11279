"""Books of tunes: the ABC files that the package music21 carries, tune by tune as typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from typica.core.errors import DataError
from typica.score.installed import package_folder

BOOKS = {
    "ryan": "ryansMammoth",  # Ryan's Mammoth Collection, 1883
    "oneill": "oneills1850",  # O'Neill's Music of Ireland, 1903
    "aird": "airdsAirs",  # Aird's Selection, 1782
}
"""Folders of music21's corpus by the short names of the books."""


class Typed(NamedTuple):
    """A tune as somebody typed it.

    Attributes:
        book: Short name of its book.
        number: What stands after `X:`, with its file before it, as in "book1.abc 12".
        fields: The lines of its header by their letters; of several, the last. Those before the
            first tune of a file hold for all its tunes.
        titles: All its titles.
        body: Its music, lines as they are.
    """

    book: str
    number: str
    fields: dict[str, str]
    titles: tuple[str, ...]
    body: str


def book_files(book: str) -> list[Path]:
    """Return the files of a book, in the order of their names.

    Raises:
        MissingFeatureError: music21 is not installed.
        DataError: It is installed without its corpus.
    """
    corpus = package_folder("music21", needed_for="reading tune books") / "corpus"
    files = sorted((corpus / BOOKS[book]).glob("*.abc"))
    if not files:
        raise DataError(f"{corpus / BOOKS[book]} holds no tunes: install music21 with its corpus")
    return files


def read_book(book: str) -> Iterator[Typed]:
    """Yield the tunes of a book.

    Raises:
        MissingFeatureError: music21 is not installed.
        DataError: It is installed without its corpus.
    """
    for path in book_files(book):
        yield from read_tunes(path.read_bytes().decode("utf-8", "replace"), book, path.name)


def read_tunes(text: str, book: str = "", file: str = "") -> Iterator[Typed]:
    """Yield the tunes of an ABC file: each begins at `X:` and ends before an empty line.

    Args:
        text: Of the file.
        book: Short name that its tunes get.
        file: Name that stands before their numbers.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head, *parts = re.split(r"(?m)^(?=X:)", text)
    common = _header(head.splitlines())[0]
    for part in parts:
        lines = re.split(r"\n[ \t]*\n", part.strip(), maxsplit=1)[0].splitlines()
        fields, titles, rest = _header(lines)
        number = f"{file} {fields.get('X', '')}".strip()
        yield Typed(book, number, common | fields, titles, "\n".join(rest))


def _header(lines: list[str]) -> tuple[dict[str, str], tuple[str, ...], list[str]]:
    """Return fields, titles, and the lines after the key, which ends a header."""
    fields: dict[str, str] = {}
    titles: list[str] = []
    for number, line in enumerate(lines):
        match = re.match(r"([A-Za-z]):(.*)", line)
        if match is None:
            continue
        letter, value = match.group(1), match.group(2).split("%")[0].strip()
        fields[letter] = value
        if letter == "T":
            titles.append(value)
        if letter == "K":
            return fields, tuple(titles), lines[number + 1 :]
    return fields, tuple(titles), []
