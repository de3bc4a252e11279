"""Pitches of ABC: what a letter sounds like under its key and accidentals, and how it is written.

An accidental holds for its letter in all octaves up to the end of the bar, which is the default of
the standard (`%%propagate-accidentals pitch`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from typica.core.errors import DataError
from typica.score.abc.keys import Key, read_key
from typica.score.abc.tokens import token_type

LETTERS = "CDEFGAB"
_SEMITONES = dict(zip(LETTERS, (0, 2, 4, 5, 7, 9, 11), strict=True))
_MIDDLE_C = 60
_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_READ = {text: shift for shift, text in _ACCIDENTALS.items()}
_NOTE = re.compile(r"([\^=_]*)([A-Ga-g])([,']*)")


class Spelling:
    """What letters sound like where they stand: the key, and the accidentals of the bar so far."""

    def __init__(self) -> None:
        self.signature: dict[str, int] = {}
        self.accidentals: dict[str, int] = {}

    def enter(self, key: Key) -> None:
        """Go on in a key; accidentals before it are forgotten."""
        self.signature, self.accidentals = key.signature, {}

    def end_bar(self) -> None:
        """Forget the accidentals of the bar."""
        self.accidentals = {}

    def _shift(self, letter: str) -> int:
        return self.accidentals.get(letter, self.signature.get(letter, 0))

    def read(self, token: str) -> tuple[int, int]:
        """Return where a note stands on the staff, 0 being C, and its MIDI pitch."""
        accidental, name, octaves = _parts(token)
        letter = name.upper()
        octave = (name.islower()) + octaves.count("'") - octaves.count(",")
        if accidental:
            if accidental not in _READ:
                raise DataError(f"{token!r} has an accidental that is none")
            self.accidentals[letter] = _READ[accidental]
        pitch = _MIDDLE_C + 12 * octave + _SEMITONES[letter] + self._shift(letter)
        return 7 * octave + LETTERS.index(letter), pitch

    def write(self, place: int, pitch: int) -> str:
        """Return the token of a pitch at a place of the staff, or beside it if that is too far.

        An accidental is written where the letter would sound otherwise without it.
        """
        octave, index = divmod(place, 7)
        shift = pitch - _MIDDLE_C - 12 * octave - _SEMITONES[LETTERS[index]]
        if abs(shift) > 2:
            return self.write(place + (1 if shift > 0 else -1), pitch)
        letter = LETTERS[index]
        accidental = _ACCIDENTALS[shift] if shift != self._shift(letter) else ""
        if accidental:
            self.accidentals[letter] = shift
        name = letter.lower() if octave > 0 else letter
        return accidental + name + ("'" * (octave - 1) if octave > 0 else "," * -octave)


def _parts(token: str) -> tuple[str, str, str]:
    match = _NOTE.fullmatch(token)
    if match is None:
        raise DataError(f"{token!r} is no note of ABC")
    accidental, name, octaves = match.groups()
    return accidental, name, octaves


def sounding_pitches(tokens: Sequence[str]) -> dict[int, int]:
    """Return the MIDI pitch of each note by the index of its token; rests have none.

    Raises:
        DataError: A key or an accidental cannot be read, or a pitch lies outside of MIDI's.
    """
    pitches = {index: pitch for index, _, pitch in _read(tokens)}
    for index, pitch in pitches.items():
        if not 0 <= pitch <= 127:
            raise DataError(f"{tokens[index]!r} sounds at {pitch}, outside of MIDI's pitches")
    return pitches


def _read(tokens: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yield index, place on the staff and pitch of each note."""
    spelling = Spelling()
    for index, token in enumerate(tokens):
        kind = token_type(token)
        if kind == "key":
            spelling.enter(read_key(token[2:]))
        elif kind == "measure":
            spelling.end_bar()
        elif kind == "pitch" and token != "z":
            yield index, *spelling.read(token)


def transposed(tokens: Sequence[str], tonic: str = "C") -> list[str]:
    """Return a tune in another key of the same mode: all sounds move by the same interval.

    The interval is at most a fourth up or down, so that going there and back returns to the same
    pitches. Keys within the tune move along; accidentals are written anew.

    Args:
        tokens: Of a tune, with its key in the header.
        tonic: As in "F#".

    Raises:
        DataError: There is no key, or one within the tune would have more than 7 sharps or flats.
    """
    keys = [read_key(token[2:]) for token in tokens if token_type(token) == "key"]
    if not keys:
        raise DataError("a tune without a key cannot be transposed")
    places, semitones = _interval(keys[0], read_key(tonic))
    notes = {index: (place, pitch) for index, place, pitch in _read(tokens)}
    spelling, moved = Spelling(), []
    for index, token in enumerate(tokens):
        kind = token_type(token)
        if kind == "key":
            key = _moved(read_key(token[2:]), places, semitones)
            spelling.enter(key)
            token = f"K:{key.name}"
        elif kind == "measure":
            spelling.end_bar()
        elif index in notes:
            place, pitch = notes[index]
            token = spelling.write(place + places, pitch + semitones)
        moved.append(token)
    return moved


def _interval(old: Key, new: Key) -> tuple[int, int]:
    """Return places on the staff, from -3 to 3, and semitones between two tonics."""
    places = (LETTERS.index(new.tonic[0]) - LETTERS.index(old.tonic[0]) + 3) % 7 - 3
    semitones = (new.pitch_class - old.pitch_class) % 12
    return places, semitones - 12 * round((semitones - places * 12 / 7) / 12)


def _moved(key: Key, places: int, semitones: int) -> Key:
    letter = LETTERS[(LETTERS.index(key.tonic[0]) + places) % 7]
    shift = (key.pitch_class + semitones - _SEMITONES[letter] + 6) % 12 - 6
    if abs(shift) > 1:
        raise DataError(f"the key {key.name} cannot be moved by {semitones} semitones")
    return read_key(letter + {-1: "b", 0: "", 1: "#"}[shift] + key.mode)
