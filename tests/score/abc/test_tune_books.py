"""The books that music21 carries: all three are read."""

import pytest

from typica.score.abc.books import BOOKS, read_book
from typica.score.abc.cleaning import clean_all
from typica.score.abc.structure import form
from typica.score.abc.tokens import detokenise, tokenise
from typica.score.abc.validator import validate

pytest.importorskip("music21")
COUNTS = {"ryan": 1059, "oneill": 2009, "aird": 1180}


@pytest.mark.parametrize("book", BOOKS)
def test_nearly_all_tunes_are_read_and_nearly_all_their_bars_are_right(book):
    typed = list(read_book(book))
    cleaned = clean_all(typed)

    assert len(typed) == COUNTS[book]
    assert len(cleaned.tunes) + sum(cleaned.failures.values()) == len(typed)
    assert len(cleaned.tunes) >= 0.98 * len(typed), cleaned.failures
    found = [validate(tune.tokens) for tune in cleaned.tunes]
    assert sum(one.right for one in found) > 0.98 * sum(one.bars for one in found)
    for tune in cleaned.tunes:
        assert tokenise(detokenise(tune.tokens)) == list(tune.tokens)


def test_most_tunes_have_the_form_of_a_reel():
    tunes = clean_all(read_book("ryan")).tunes
    forms = [form(tune.tokens) for tune in tunes]
    assert forms.count("AABB") > 0.6 * len(forms)
