"""Bars of a tune: where they begin and end, what stands at both ends, and how long they sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from typica.core.errors import DataError
from typica.score.abc.keys import read_key
from typica.score.abc.tokens import token_type

_TWO, _THREE = Fraction(2), Fraction(3)
# Notes that a group of so many takes the time of; None is two, or three in compound time.
_IN_TIME_OF = {2: _THREE, 3: _TWO, 4: _THREE, 5: None, 6: _TWO, 7: None, 8: _THREE, 9: None}


class Fault(NamedTuple):
    """Something that is not well formed.

    Attributes:
        kind: As in "bar length".
        token: Index of the token where it is.
        bar: Number of the bar where it is, from 0.
        what: In words.
    """

    kind: str
    token: int
    bar: int
    what: str


class Sound(NamedTuple):
    """A note, a chord or a rest.

    Attributes:
        tokens: Indices of the tokens of its pitches; a rest is the pitch "z".
        length: How long it sounds, in whole notes.
    """

    tokens: tuple[int, ...]
    length: Fraction


class Bar(NamedTuple):
    """A bar.

    Attributes:
        start: Index of its first token.
        stop: Index behind its last token: of the bar line that closes it.
        opens: Bar line before it; empty at the beginning.
        closes: Bar line behind it; empty at the end.
        length: How long it sounds, in whole notes.
        full: How long it should, in whole notes; None where the metre does not say.
        sounds: Its notes, chords and rests, in order.
    """

    start: int
    stop: int
    opens: str
    closes: str
    length: Fraction
    full: Fraction | None
    sounds: tuple[Sound, ...] = ()


class Read(NamedTuple):
    """A tune as its bars, and what was wrong within them."""

    bars: list[Bar]
    faults: list[Fault]


def read_bars(tokens: Sequence[str]) -> Read:
    """Read the bars of a tune; nothing that tokens can say makes it fail.

    Lengths are those of ABC: units of `L:`, tuplets `(p:q:r`, broken rhythm `>` and `<`, chords as
    long as their first note. A bar line right after another closes no bar.

    Args:
        tokens: Of a tune, header first; `<s>` and `</s>` may stand around it.
    """
    reader = _Reader()
    for index, token in enumerate(tokens):
        reader.take(index, token)
    reader.close("", len(tokens))
    return Read(reader.bars, reader.faults)


def meter_length(token: str) -> Fraction | None:
    """Return the whole notes of a bar by its metre's token; None where it does not say."""
    above, _, below = token[2:].partition("/")
    if not below.isdigit() or not above.replace("+", "").isdigit() or int(below) == 0:
        return None
    return Fraction(sum(int(part) for part in above.split("+") if part), int(below))


def is_compound(token: str) -> bool:
    """Whether a metre counts in threes, as 6/8 does."""
    above = token[2:].partition("/")[0]
    return above in ("6", "9", "12")


def as_fraction(token: str) -> Fraction:
    """Return a duration's number: "/2" is a half, "3/2" one and a half."""
    above, _, below = token.partition("/")
    return Fraction(int(above or 1), int(below or 1) or 1)


@dataclass
class _Reader:
    """What is known while a tune is read."""

    bars: list[Bar] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unit: Fraction = Fraction(1, 8)
    full: Fraction | None = None
    compound: bool = False
    opens: str = ""
    start: int = 0
    lengths: list[Fraction] = field(default_factory=list)  # of the bar's notes so far
    pitches: list[list[int]] = field(default_factory=list)  # tokens of their pitches
    broken: Fraction | None = None  # what the next note is multiplied by
    tuplet: tuple[Fraction, int] | None = None  # by what, and for how many notes
    chord: int | None = None  # notes in the chord that is open
    may_last: bool = False  # whether a duration may stand here

    def take(self, index: int, token: str) -> None:
        kind = token_type(token)
        getattr(self, f"_{kind}")(index, token)

    def fault(self, kind: str, index: int, what: str) -> None:
        self.faults.append(Fault(kind, index, len(self.bars), what))

    def close(self, line: str, index: int) -> None:
        """End the bar at a bar line, if anything sounded in it."""
        self._end_groups(index)
        if self.lengths:
            total = sum(self.lengths, Fraction(0))
            sounds = tuple(map(Sound, map(tuple, self.pitches), self.lengths))
            self.bars.append(Bar(self.start, index, self.opens, line, total, self.full, sounds))
            self.opens = line
        else:
            self.opens += line
        self.lengths, self.pitches, self.start, self.may_last = [], [], index + 1, False

    def _end_groups(self, index: int) -> None:
        for kind, is_open in (
            ("chord", self.chord is not None),
            ("tuplet", self.tuplet is not None),
            ("broken rhythm", self.broken is not None),
        ):
            if is_open:
                self.fault(kind, index, f"a {kind} is not complete at the end of its bar")
        self.chord = self.tuplet = self.broken = None

    def _transcription(self, index: int, token: str) -> None:
        pass

    def _meter(self, index: int, token: str) -> None:
        self.full, self.compound = meter_length(token), is_compound(token)
        if self.full is None and token != "M:none":
            self.fault("metre", index, f"{token} is no metre")

    def _unit(self, index: int, token: str) -> None:
        self.unit = as_fraction(token[2:])

    def _key(self, index: int, token: str) -> None:
        try:
            read_key(token[2:])
        except DataError as error:
            self.fault("key", index, str(error))

    def _measure(self, index: int, token: str) -> None:
        self.close(token, index)

    def _grouping(self, index: int, token: str) -> None:
        self.may_last = False
        if token == "[":
            if self.chord is not None:
                self.fault("chord", index, "a chord is opened within a chord")
            self.chord = 0
        elif token == "]":
            if not self.chord:
                self.fault("chord", index, "a chord is closed that holds no note")
            self.may_last = bool(self.chord)
            self.chord = None
        else:
            if self.tuplet is not None:
                self.fault("tuplet", index, "a tuplet begins within a tuplet")
            self.tuplet = self._tuplet(token)

    def _tuplet(self, token: str) -> tuple[Fraction, int]:
        count, time, notes, *_ = [*(int(part or 0) for part in token[1:].split(":")), 0, 0]
        usual = _IN_TIME_OF.get(count, Fraction(count)) or (_THREE if self.compound else _TWO)
        factor = (Fraction(time) if time else usual) / max(count, 1)
        return factor, notes or max(count, 1)

    def _pitch(self, index: int, token: str) -> None:
        self.may_last = True
        if self.chord is not None:
            self.chord += 1
            if self.chord > 1:
                self.pitches[-1].append(index)
                return
        length, self.broken = self.unit * (self.broken or 1), None
        if self.tuplet is not None:
            factor, left = self.tuplet
            length *= factor
            self.tuplet = (factor, left - 1) if left > 1 else None
        self.lengths.append(length)
        self.pitches.append([index])

    def _duration(self, index: int, token: str) -> None:
        if token[0] in "<>":
            self._break(index, token)
        elif not self.may_last:
            self.fault("duration", index, f"the duration {token} follows no note")
        elif self.chord is None or self.chord == 1:
            self.lengths[-1] *= as_fraction(token)
        self.may_last = False

    def _break(self, index: int, token: str) -> None:
        if not self.lengths or self.chord is not None or self.broken is not None:
            self.fault("broken rhythm", index, f"{token} does not stand between two notes")
            return
        short = Fraction(1, 2 ** len(token))
        first, second = (2 - short, short) if token[0] == ">" else (short, 2 - short)
        self.lengths[-1] *= first
        self.broken = second
