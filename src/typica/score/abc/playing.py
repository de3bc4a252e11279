"""Tunes of ABC as notes: bars in the order in which they are played, each note at its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from typica.score.abc.bars import Bar, read_bars
from typica.score.abc.pitches import sounding_pitches
from typica.score.abc.validator import ends_part
from typica.score.notes import Note, Notes


def played(
    tokens: Sequence[str],
    *,
    quarters_per_minute: float = 120.0,
    velocity: int = 80,
    program: int = 0,
    repeats: bool = True,
) -> Notes:
    """Return the notes of a tune as it is played, one tempo throughout.

    Chords sound together; each note lasts its written length. Ties are not among the tokens: a note
    tied to the next of its pitch is two.

    Args:
        tokens: Of a tune, header first; `<s>` and `</s>` may stand around it.
        quarters_per_minute: The tempo.
        velocity: Of all notes.
        program: The General MIDI instrument, counted from 0.
        repeats: Whether repeats are played, each with its ending.

    Raises:
        DataError: A key or an accidental cannot be read, or a pitch lies outside of MIDI's.
    """
    pitches = sounding_pitches(tokens)
    bars = read_bars(tokens).bars
    order = played_order(bars) if repeats else range(len(bars))
    whole_s = 240 / quarters_per_minute
    now, notes = Fraction(0), []
    for number in order:
        for sound in bars[number].sounds:
            start_s, stop_s = (float(time) * whole_s for time in (now, now + sound.length))
            # The same pitch twice in a chord is one note; a length of 0 is none.
            struck = {pitches[index] for index in sound.tokens if index in pitches}
            for pitch in sorted(struck) if stop_s > start_s else ():
                notes.append(Note(pitch, start_s, stop_s, velocity, 0, program))
            now += sound.length
    return Notes.of(notes)


def played_order(bars: Sequence[Bar]) -> Iterator[int]:
    """Yield the numbers of bars in the order in which they are played.

    `:|` goes back to the last `|:`, or where there is none, to the beginning of its part, as the
    standard says. The second time round the first ending is left out, if there is a second.
    """
    number, start, is_again = 0, 0, False
    while number < len(bars):
        bar = bars[number]
        if _begins(bar.opens) and number > start:
            start, is_again = number, False
        if is_again and _ending(bar) == "1":
            number = _second_ending(number, bars) or number
        yield number
        repeats = bars[number].closes.startswith(":")
        number += 1
        if repeats and is_again:
            start, is_again = number, False
        elif repeats:
            number, is_again = start, True


def _begins(line: str) -> bool:
    """Whether a bar line begins a part; those of endings do not."""
    return ends_part(line) and line[-1:] not in ("1", "2")


def _ending(bar: Bar) -> str:
    return bar.opens[-1:] if bar.opens[-1:] in ("1", "2") else ""


def _second_ending(number: int, bars: Sequence[Bar]) -> int | None:
    """Return the bar where the second ending begins, after the first at a bar."""
    for later in range(number + 1, len(bars)):
        if _ending(bars[later]) == "2":
            return later
        if _ending(bars[later]) == "1":
            return None
    return None
