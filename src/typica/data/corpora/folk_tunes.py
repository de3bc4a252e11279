"""Folk tunes of old books, played on instruments that such tunes are played on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from typica.core.errors import DataError
from typica.data import rendered
from typica.data.layout import BROKEN, check_whole
from typica.data.source import Item, Sound, Source
from typica.score.abc.books import BOOKS, book_files, read_book
from typica.score.abc.cleaning import clean
from typica.score.abc.playing import played
from typica.score.synthesis import RATE

INSTRUMENTS = {"fiddle": 110, "accordion": 21, "recorder": 74, "flute": 73, "guitar": 24}
"""General MIDI programs, counted from 0; tunes are played on them by turns."""

EACH = 50
"""Tunes of each book, the first that can be read, with what stands between them."""

_QUARTERS_PER_MINUTE = 112.0
_LONGEST_S = 600.0
_BYTES_PER_TOKEN = RATE  # roughly a quarter of a second, in two channels of 16 bits


class FolkTunes(Source):
    """Tunes as ABC, with their repeats, one voice each; the instrument is the label.

    What the cleaning refuses, such as several voices, is told as what a corpus leaves out.

    Args:
        each: Tunes of each book, at most.
    """

    name = "folk_tunes"
    licence = (
        "music: public domain; typed by those whom the files name, in the corpus of music21; "
        "sound bank: TimGM6mb, GPL-2"
    )
    needs = rendered.NEEDS
    has_notes = True
    class_names = ("book", "instrument")

    def __init__(self, each: int = EACH) -> None:
        self.each = each
        self.made = (
            f"tunes of Ryan's, O'Neill's and Aird's books (the first {each} of each) as ABC of "
            f"music21, played on {', '.join(INSTRUMENTS)} by turns by a synthesiser (midirenderer, "
            f"sound bank TimGM6mb, no reverb)"
        )

    @property
    def is_ready(self) -> bool:
        """Whether books, sound bank and synthesiser are installed."""
        return rendered.are_installed("music21", *rendered.PACKAGES)

    def items(self) -> list[Item]:
        """List the tunes: BOOK/FILE NUMBER."""
        means = rendered.digest(rendered.means(), version("music21"))
        found = {item.id: item for book in BOOKS for item in _listed(book, self.each, means)}
        return [found[name] for name in sorted(found)]

    def open(self, item: Item) -> Sound:
        """Play a tune."""
        told = check_whole(item)
        program = INSTRUMENTS[told["instrument"]]
        notes = played(
            told["tokens"].split(), quarters_per_minute=_QUARTERS_PER_MINUTE, program=program
        )
        if not len(notes):
            raise DataError("holds no notes")
        if notes.duration_s > _LONGEST_S:
            raise DataError(f"too long: {notes.duration_s:.0f} s, more than {_LONGEST_S:.0f} s")
        facts = {name: told[name] for name in ("book", "instrument", "title")}
        sound = rendered.play(notes, told["instrument"])
        return sound._replace(facts=facts | {"abc": told["tokens"]})


def _listed(book: str, count: int, means: str) -> Iterator[Item]:
    names, kept = list(INSTRUMENTS), 0
    means = rendered.digest(means, *(path.name for path in book_files(book)))
    for typed in read_book(book):
        name = f"{book}/{typed.number}"
        try:
            tune = clean(typed)
        except DataError as error:
            yield Item(name, 0, means, ((BROKEN, f"cannot be read: {error}"),))
            continue
        instrument = names[kept % len(names)]
        told = {
            "book": book,
            "instrument": instrument,
            "title": tune.title,
            "tokens": " ".join(tune.tokens),
        }
        size = len(tune.tokens) * _BYTES_PER_TOKEN
        stamp = f"{means} {INSTRUMENTS[instrument]}"
        yield Item(name, size, stamp, tuple(sorted(told.items())))
        kept += 1
        if kept == count:
            return
