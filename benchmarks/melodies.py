"""Sound to MIDI by `typica convert`, on melodies and instruments that it was not tuned with.

    python benchmarks/melodies.py [--tunes 12]

Plays tunes of Ryan's, O'Neill's and Aird's books, from the middle and the end of each, on
instruments by turns, 15 s of each at 44.1 kHz, and holds the notes that are heard against those
that were played: onsets within 50 ms, and with the offset (within 50 ms or a fifth of the note).
The tracker was tuned on the first four tunes of each book, on piano, flute, violin, accordion,
guitar and trumpet: none of them is here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path

import numpy as np

from typica.actions.conversion.account import Wishes
from typica.actions.convert import convert
from typica.core.errors import TypicaError
from typica.evaluation.note_metrics import NoteScores, note_scores
from typica.score.abc.books import BOOKS, read_book
from typica.score.abc.cleaning import clean
from typica.score.abc.playing import played
from typica.score.midi import decode_midi, encode_midi
from typica.score.notes import Notes

INSTRUMENTS = {
    "clarinet": 71, "oboe": 68, "alto saxophone": 65, "vibraphone": 11, "marimba": 12, "harp": 46,
}  # fmt: skip
LONGEST_S = 15.0
QUARTERS_PER_MINUTE = 112.0
TUNED_ON = 4  # tunes at the beginning of each book
F1 = 0.75


def melodies(book: str, tunes: int) -> Iterator[Notes]:
    """Yield the beginnings of some tunes of a book, spread over it."""
    typed = list(read_book(book))[TUNED_ON:]
    for place in np.linspace(len(typed) / 3, len(typed) - 1, tunes).astype(int):
        for row in islice(count(place, -1), place + 1):
            try:
                notes = played(clean(typed[row]).tokens, quarters_per_minute=QUARTERS_PER_MINUTE)
            except TypicaError:
                continue
            yield Notes.of(note for note in notes.rows() if note.offset_s <= LONGEST_S)
            break


def heard(notes: Notes) -> NoteScores:
    """Play notes, convert the sound back, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "played.mid").write_bytes(encode_midi(notes))
        convert(place / "played.mid", place / "a.wav", wishes=Wishes(rate=44_100))
        convert(place / "a.wav", place / "heard.mid")
        return note_scores(notes, decode_midi((place / "heard.mid").read_bytes()))


def main() -> int:
    """Play and hear; return 1 where the mean is below the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tunes", type=int, default=12, help="of each book")
    given = parser.parse_args()
    players, scores = cycle(INSTRUMENTS), defaultdict(list)
    for book in BOOKS:
        for notes in melodies(book, given.tunes):
            player = next(players)
            found = heard(notes.played_on(INSTRUMENTS[player]))
            scores[player].append((found.onset.f1, found.offset.f1))
    for player, pairs in scores.items():
        print(f"{player}: {len(pairs)} tunes, F1 {' and with offsets '.join(_mean(pairs))}")
    everything = [pair for pairs in scores.values() for pair in pairs]
    lowest = min(onset for onset, _ in everything)
    print(
        f"all: {len(everything)} tunes, F1 {' and with offsets '.join(_mean(everything))}; "
        f"the worst tune {lowest:.3f}; target {F1}"
    )
    return 0 if np.mean([onset for onset, _ in everything]) >= F1 else 1


def _mean(pairs: list[tuple[float, float]]) -> list[str]:
    return [f"{value:.3f}" for value in np.mean(pairs, axis=0)]


if __name__ == "__main__":
    sys.exit(main())
