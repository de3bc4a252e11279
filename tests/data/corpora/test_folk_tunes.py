import numpy as np
import pytest

from typica.core.errors import DataError
from typica.data.corpora import folk_tunes
from typica.data.corpora.folk_tunes import INSTRUMENTS, FolkTunes
from typica.data.prepare import prepare
from typica.score.abc.books import Typed

for package in ("music21", "pretty_midi", "midirenderer"):
    pytest.importorskip(package)


@pytest.fixture
def books(monkeypatch):
    """Books of the same three tunes, one of which has two voices."""

    def read(book):
        fields = {"M": "4/4", "L": "1/8", "K": "D"}
        for number, body in enumerate(("DEFG ABcd|", "A2 & d2|", "|:dcBA:|"), 1):
            yield Typed(book, f"{book}.abc {number}", fields, (f"Tune {number}",), body)

    monkeypatch.setattr(folk_tunes, "read_book", read)


def test_tunes_become_notes_and_those_that_cannot_be_read_are_told(books, tmp_path):
    corpus = prepare(FolkTunes(), tmp_path / "x", workers=1)

    found = {one.id: one for one in corpus.recordings()}
    scale = corpus.notes(found["aird/aird.abc 1"])
    assert scale.pitch.tolist() == [62, 64, 66, 67, 69, 71, 73, 74]
    eighth = 30 / 112
    assert np.allclose(scale.onset_s, eighth * np.arange(8), atol=1e-9)
    repeated = corpus.notes(found["aird/aird.abc 3"])
    assert repeated.pitch.tolist() == [74, 73, 71, 69] * 2
    assert repeated.program.tolist() == [INSTRUMENTS["accordion"]] * 8
    facts = found["aird/aird.abc 3"].facts
    assert (facts["title"], facts["instrument"], facts["book"]) == ("Tune 3", "accordion", "aird")
    refused = (corpus.path / "refused.jsonl").read_text()
    assert refused.count("cannot be read: it has several voices") == 3


def test_another_instrument_makes_another_recording(books, monkeypatch):
    before = FolkTunes(each=2).items()
    monkeypatch.setitem(INSTRUMENTS, "fiddle", 40)
    after = FolkTunes(each=2).items()

    changed = [a.id for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [f"{b}/{b}.abc 1" for b in ("aird", "oneill", "ryan")]


def test_so_many_tunes_of_each_book_are_taken(books):
    whole = [item for item in FolkTunes(each=1).items() if item.size]

    assert [item.id for item in whole] == [f"{b}/{b}.abc 1" for b in ("aird", "oneill", "ryan")]


def test_what_cannot_be_played_is_told(books, monkeypatch):
    source = FolkTunes()
    item = next(item for item in source.items() if item.size)
    monkeypatch.setattr(folk_tunes, "_LONGEST_S", 1.0)

    with pytest.raises(DataError, match="^too long: 2 s, more than 1 s$"):
        source.open(item)


def test_the_books_of_music21_are_listed_with_their_tokens():
    items = [item for item in FolkTunes(each=3).items() if item.size]

    assert len(items) == 9
    assert all(dict(item.told)["tokens"].startswith("M:") for item in items)
