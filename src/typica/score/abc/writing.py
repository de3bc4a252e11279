"""A melody as a tune in ABC: bars, lengths, and pitches spelt in a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from typica.core.errors import DataError
from typica.score.abc.keys import read_key
from typica.score.abc.pitches import LETTERS, Spelling

_UNIT = Fraction(1, 8)
_BARS_A_LINE = 4
_TONICS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_SEMITONES = (0, 2, 4, 5, 7, 9, 11)


class Tone(NamedTuple):
    """A note of a melody on a grid of equal steps.

    Attributes:
        pitch: In MIDI's numbers.
        start: Step at which it begins.
        stop: Step at which it ends, after that.
    """

    pitch: int
    start: int
    stop: int


class Setting(NamedTuple):
    """How a melody is written.

    Attributes:
        steps_per_quarter: Of the grid.
        metre: As (6, 8).
        sharps: Of the signature, flats below 0; the one with the fewest accidentals where None.
        quarters_per_minute: The tempo that is told.
        title: In words.
    """

    steps_per_quarter: int = 4
    metre: tuple[int, int] = (4, 4)
    sharps: int | None = None
    quarters_per_minute: float = 120.0
    title: str = ""


def written(tones: Sequence[Tone], setting: Setting) -> str:
    """Write a melody as an ABC tune of one voice.

    What lasts beyond a bar line is tied. The last bar is filled with a rest. Modes are not told
    apart: the key is the major one of its signature.

    Raises:
        DataError: Two tones overlap, or there are none.
    """
    if not tones or any(one.stop > two.start for one, two in zip(tones, tones[1:], strict=False)):
        raise DataError("a melody has tones, one after another")
    sharps = fewest_accidentals(tones) if setting.sharps is None else setting.sharps
    key = _TONICS[int(np.clip(sharps, -7, 7)) + 7]
    above, below = setting.metre
    header = [
        "X:1",
        f"T:{' '.join(setting.title.split()) or 'untitled'}",
        f"M:{above}/{below}",
        f"L:{_UNIT}",
        f"Q:1/4={setting.quarters_per_minute:.6g}",
        f"K:{key}",
    ]
    bars = list(_bars(tones, setting, key))
    lines = [bars[i : i + _BARS_A_LINE] for i in range(0, len(bars), _BARS_A_LINE)]
    body = [" | ".join(line) + " |" for line in lines]
    return "\n".join([*header, *body[:-1], body[-1] + "]"]) + "\n"


def fewest_accidentals(tones: Sequence[Tone]) -> int:
    """Return the signature, in sharps, that spells most tones without an accidental."""
    counts = np.bincount([tone.pitch % 12 for tone in tones], minlength=12)
    scales = {sharps: [(7 * sharps + step) % 12 for step in _SEMITONES] for sharps in range(-7, 8)}
    return max(scales, key=lambda sharps: (int(counts[scales[sharps]].sum()), -abs(sharps)))


def _bars(tones: Sequence[Tone], setting: Setting, key: str) -> Iterator[str]:
    """Yield the music of each bar."""
    above, below = setting.metre
    bar = Fraction(4 * above * setting.steps_per_quarter, below)
    spelling = Spelling()
    spelling.enter(read_key(key))
    music: list[str] = []
    begin = Fraction(0)
    for pitch, start, stop in _filled(tones, bar):
        now = Fraction(start)
        while now < stop:
            end = min(Fraction(stop), begin + bar)
            music.append(_word(spelling, pitch, (end - now) / setting.steps_per_quarter / 4))
            if end < stop and pitch is not None:
                music[-1] += "-"
            now = end
            if end == begin + bar:
                yield " ".join(music)
                spelling.end_bar()
                music, begin = [], end


def _filled(
    tones: Sequence[Tone], bar: Fraction
) -> Iterator[tuple[int | None, Fraction, Fraction]]:
    """Yield tones, and between them and up to a whole number of bars, rests as pitch None."""
    now = Fraction(0)
    for tone in tones:
        if tone.start > now:
            yield None, now, Fraction(tone.start)
        now = Fraction(tone.stop)
        yield tone.pitch, Fraction(tone.start), now
    if now % bar:
        yield None, now, now - now % bar + bar


def _word(spelling: Spelling, pitch: int | None, length: Fraction) -> str:
    """Return a note or a rest with its length, in whole notes."""
    name = "z" if pitch is None else spelling.write(_place(spelling, pitch), pitch)
    units = length / _UNIT
    above = str(units.numerator) if units.numerator > 1 else ""
    return name + above + (f"/{units.denominator}" if units.denominator > 1 else "")


def _place(spelling: Spelling, pitch: int) -> int:
    """Return where a pitch stands on the staff: in the key if it can, else as near as it can."""
    lowered = any(shift < 0 for shift in spelling.signature.values())
    # Of a letter's pitches that of the key comes first, then the natural, then the altered one.
    shifts = [spelling.signature, dict.fromkeys(LETTERS, 0)]
    shifts.append(dict.fromkeys(LETTERS, -1 if lowered else 1))
    for shift in shifts:
        for index, letter in enumerate(LETTERS):
            octave, rest = divmod(pitch - 60 - _SEMITONES[index] - shift.get(letter, 0), 12)
            if rest == 0:
                return 7 * octave + index
    raise AssertionError("each pitch is a natural or beside one")
