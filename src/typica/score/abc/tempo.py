"""The tempo of a tune, as the field Q gives it.

Source: the ABC music standard 2.1, section 3.1.8, and for tempi without a length, the older 1.6.
"""

from __future__ import annotations

import re
from fractions import Fraction

from typica.core.errors import DataError

USUAL = 120.0
"""Quarters a minute of a tune that gives no tempo."""

_BEATS = re.compile(r"((?:\d+/\d+\s*)+)=\s*(\d+(?:\.\d+)?)")
_UNITS = re.compile(r"(?:C(\d*)\s*=\s*)?(\d+(?:\.\d+)?)")


def quarters_per_minute(text: str, unit: Fraction = Fraction(1, 8)) -> float:
    """Return how many quarters a minute has: of `1/4=120` or `"Allegro" 1/4=120`, 120.

    Several lengths are one beat together; a number alone counts unit notes; words alone, and
    nothing, say nothing: `USUAL`.

    Args:
        text: The value of the field.
        unit: The unit note length of the tune, in whole notes.

    Raises:
        DataError: It is no tempo.
    """
    bare = re.sub(r'"[^"]*"', "", text).strip()
    if not bare:
        return USUAL
    if match := _BEATS.fullmatch(bare):
        lengths = [part.split("/") for part in match.group(1).split()]
        if all(int(below) for _, below in lengths):
            return _tempo(sum(Fraction(int(a), int(b)) for a, b in lengths), match.group(2), text)
    if match := _UNITS.fullmatch(bare):
        return _tempo(unit * int(match.group(1) or 1), match.group(2), text)
    raise DataError(f"{text!r} is no tempo")


def _tempo(beat: Fraction | int, count: str, text: str) -> float:
    found = float(4 * beat) * float(count)
    if 1 <= found <= 10_000:
        return found
    raise DataError(f"{text!r} is no tempo")
