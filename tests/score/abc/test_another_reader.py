"""Tunes against music21's own reader of ABC: the same pitches, lengths and keys."""

import re

import pytest

from typica.score.abc.bars import read_bars
from typica.score.abc.books import read_book, read_tunes
from typica.score.abc.cleaning import clean
from typica.score.abc.keys import read_key
from typica.score.abc.pitches import sounding_pitches

pytest.importorskip("music21")
# What music21 reads otherwise than the standard says: it loses notes under a fermata, between
# slurs, ties or staccato dots a broken rhythm, and a note before `::`.
SIGNS = re.compile(r'"[^"]*"|\{[^}]*\}|\((?!\d)|[)~.HTuv`-]')


def plain(text):
    """Leave out of the music of a tune what sounds as it does without."""
    lines = text.split("\n")
    lines = [line if line[1:2] == ":" else SIGNS.sub("", line.split("%")[0]) for line in lines]
    return "%abc-2.1\n" + "\n".join(lines).replace("::", ":||:") + "\n"


def by_music21(text):
    """Return what sounds, one note, chord or rest after the other, and the sharps of the key."""
    from music21.abcFormat import ABCFile, translate

    score = translate.abcToStreamScore(ABCFile().readstr(plain(text)))
    sounds = [
        (sorted({pitch.midi for pitch in sound.pitches}), float(sound.quarterLength))
        for sound in score.recurse().notesAndRests
        if not sound.duration.isGrace
    ]
    return sounds, score.recurse().getElementsByClass("KeySignature")[0].sharps


def by_ours(tokens):
    pitches = sounding_pitches(tokens)
    sounds = [
        (sorted({pitches[index] for index in sound.tokens if index in pitches}),
         float(sound.length * 4))
        for bar in read_bars(tokens).bars
        for sound in bar.sounds
    ]  # fmt: skip
    return sounds, sum(read_key(tokens[2][2:]).signature.values())


def typed_as(tune):
    fields = "".join(
        f"{letter}:{tune.fields[letter]}\n" for letter in "MLK" if letter in tune.fields
    )
    return f"X:1\n{fields}{tune.body}"


def flat(sounds):
    return [number for pitches, length in sounds for number in (*pitches, length)]


@pytest.mark.parametrize("book", ["ryan", "aird", "oneill"])
def test_tunes_sound_as_music21_reads_them(book):
    tunes = list(read_book(book))[7::149][:8]

    for tune in tunes:
        sounds, sharps = by_ours(clean(tune).tokens)
        expected, expected_sharps = by_music21(typed_as(tune))
        assert sharps == expected_sharps, tune.number
        assert [pitches for pitches, _ in sounds] == [p for p, _ in expected], tune.number
        assert flat(sounds) == pytest.approx(flat(expected)), tune.number


@pytest.mark.parametrize(
    "body",
    ["A>B c<d e>>f g2", "(3ABc (2de (4fgab c2", "[CEG]2 [C2E2G2] z", "^F F f =F | F ^c c' _B",
     "A/ B// c3/2 d/4 e3", "C,, c'' B, b'"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["C", "F#m", "Eb", "Ddor", "Amix", "GM"])
def test_each_rule_is_read_as_music21_reads_it(body, key):
    text = f"X:1\nM:none\nL:1/8\nK:{key}\n{body} |]"
    (tune,) = read_tunes(text)

    assert flat(by_ours(clean(tune).tokens)[0]) == pytest.approx(flat(by_music21(text)[0]))
