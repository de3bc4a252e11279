"""The form of a tune: its parts, how often each is played, as in AABB, and their bars."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from string import ascii_uppercase
from typing import NamedTuple

from typica.score.abc.bars import Bar, read_bars
from typica.score.abc.tokens import token_type
from typica.score.abc.validator import ends_part


class Part(NamedTuple):
    """A part as it is played once.

    Attributes:
        letter: The same for parts of the same bars; beyond the 26th, "?".
        bars: How many it has, a pick-up and the bar that it completes counted as one.
    """

    letter: str
    bars: int


def played_parts(tokens: Sequence[str]) -> list[Part]:
    """Return the parts of a tune in the order in which they are played, repeats twice.

    Parts end at repeats, double bars and the end of the tune. The second time with a second ending
    is the same part, and so is a part that is written out again.
    """
    letters: dict[tuple[str, ...], str] = {}
    parts: list[Part] = []
    for bars in _parts(read_bars(tokens).bars):
        body = [bar for bar in bars if bar.opens[-1:] not in ("1", "2")] or bars
        text = tuple(_sounds(body, tokens))
        letter = letters.setdefault(text, (ascii_uppercase + "?")[min(len(letters), 26)])
        first = [bar for bar in bars if bar.opens[-1:] != "2"] or bars
        times = 2 if any(bar.closes.startswith(":") for bar in bars) else 1
        parts += [Part(letter, _count(first))] * times
    return parts


def form(tokens: Sequence[str]) -> str:
    """Return the letters of the parts as they are played: AABB."""
    return "".join(part.letter for part in played_parts(tokens))


def _parts(bars: Sequence[Bar]) -> list[list[Bar]]:
    """Cut bars where parts end; a second ending belongs to the part before it.

    A pick-up that stands before the bar line of its part belongs to that part.
    """
    parts: list[list[Bar]] = [[]]
    for bar in bars:
        parts[-1].append(bar)
        is_pick_up = len(parts[-1]) == 1 and bar.full is not None and bar.length < bar.full
        if ends_part(bar.closes) and bar.closes[-1:] not in ("1", "2") and not is_pick_up:
            parts.append([])
    return [part for part in parts if part]


def _sounds(bars: Sequence[Bar], tokens: Sequence[str]) -> list[str]:
    """Return the tokens of bars, all bar lines between them alike."""
    found = ["|" if token_type(t) == "measure" else t for bar in bars for t in _inner(bar, tokens)]
    return [token for token, _ in groupby(found) if token == "|" or token_type(token) != "key"]


def _inner(bar: Bar, tokens: Sequence[str]) -> list[str]:
    header = ("meter", "unit", "key", "transcription")
    inner = tokens[bar.start : bar.stop]
    return [*(token for token in inner if token_type(token) not in header), "|"]


def _count(bars: Sequence[Bar]) -> int:
    """Count bars by their length, so that a pick-up and its complement are one."""
    whole = [bar.length / bar.full for bar in bars if bar.full]
    return round(float(sum(whole))) if whole else len(bars)
