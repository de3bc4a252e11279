"""Keys of ABC: a tonic and a mode, and which notes they sharpen or flatten."""

from __future__ import annotations

import re
from typing import NamedTuple

from typica.core.errors import DataError

# Fifths above the major key of the same tonic.
_MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5}
_MODES |= {"lyd": 1}
_SAME = {"ion": "maj", "aeo": "min"}
_FIFTHS = "FCGDAEB"
_SEMITONES = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))


class Key(NamedTuple):
    """A key.

    Attributes:
        tonic: As in "F#".
        mode: The first three letters of its name, as in "mix".
    """

    tonic: str
    mode: str

    @property
    def name(self) -> str:
        """As in tokens: "Gmaj"."""
        return self.tonic + self.mode

    @property
    def signature(self) -> dict[str, int]:
        """Semitones by which each letter is raised, where it is."""
        fifths = _FIFTHS.index(self.tonic[0]) - 1 + _MODES[self.mode]
        fifths += 7 * (self.tonic.count("#") - self.tonic.count("b"))
        if fifths >= 0:
            return dict.fromkeys(_FIFTHS[:fifths], 1)
        return dict.fromkeys(_FIFTHS[fifths:], -1)

    @property
    def pitch_class(self) -> int:
        """Of the tonic, 0 for C."""
        shift = self.tonic.count("#") - self.tonic.count("b")
        return (_SEMITONES[self.tonic[0]] + shift) % 12


def read_key(text: str) -> Key:
    """Read a key as ABC writes it: "G", "Em", "A Mixolydian", "Hp".

    Of a mode's name the first three letters count, in capitals or not.

    Raises:
        DataError: It is none, or has more than 7 sharps or flats.
    """
    words = [word for word in text.split() if "=" not in word and not word.startswith("%")]
    joined = "".join(words)
    if joined in ("Hp", "HP"):  # the scale of Highland pipes: F and C are sharp
        return Key("A", "mix")
    match = re.fullmatch(r"([A-G])([#b]?)([A-Za-z]*)", joined)
    if match is None:
        raise DataError(f"{text!r} is no key: a tonic and a mode, as in 'F#min'")
    letter, accidental, mode = match.groups()
    short = mode[:3].lower() or "maj"
    short = "min" if short == "m" else short
    short = _SAME.get(short, short)
    if short not in _MODES:
        raise DataError(f"{mode!r} is no mode: choose from {', '.join(sorted(_MODES))}")
    key = Key(letter + accidental, short)
    shift = 7 * (accidental == "#") - 7 * (accidental == "b")
    if abs(_FIFTHS.index(letter) - 1 + _MODES[short] + shift) > 7:
        raise DataError(f"{text!r} has more than 7 sharps or flats")
    return key
