"""Is a tune well formed: do its bars have the right length, are its repeats paired?

Bars at the ends of parts may be short where they complete one another: a pick-up and the last bar
of the part that it begins, or of the one before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from typica.score.abc.bars import Bar, Fault, read_bars

STRONG = ("||", "|]", "[|", ":", "1", "2")  # what a bar line has that ends a part


class Validation(NamedTuple):
    """What was found.

    Attributes:
        bars: How many bars the metre says something about.
        right: How many of them have the right length.
        faults: All that is wrong, in the order of the tokens.
    """

    bars: int
    right: int
    faults: tuple[Fault, ...]

    @property
    def share(self) -> float:
        """Share of bars of the right length; 0 where there are none."""
        return self.right / self.bars if self.bars else 0.0

    def of_kind(self, *kinds: str) -> list[Fault]:
        """Return the faults of some kinds."""
        return [fault for fault in self.faults if fault.kind in kinds]


def validate(tokens: Sequence[str], *, cut: bool = False) -> Validation:
    """Check a tune.

    Kinds of faults: "bar length", "repeat", "ending", "chord", "tuplet", "broken rhythm",
    "duration", "metre", "key", "header".

    Args:
        tokens: Of a tune, header first; `<s>` and `</s>` may stand around it.
        cut: Whether the tune was cut off after its last token: then what is unfinished there is
            no fault, and the last bar is not judged.
    """
    bars, faults = read_bars(tokens)
    if cut and bars and not bars[-1].closes:
        faults = [fault for fault in faults if fault.token < len(tokens)]
        bars = bars[:-1]
    found = [*faults, *_header_faults(tokens), *_repeat_faults(bars, tokens, cut)]
    judged = [(number, bar) for number, bar in enumerate(bars) if bar.full is not None]
    wrong = [(number, bar) for number, bar in judged if not _is_right(number, bars)]
    found += [Fault("bar length", bar.start, number, _lengths(bar)) for number, bar in wrong]
    found.sort(key=lambda fault: fault.token)
    return Validation(len(judged), len(judged) - len(wrong), tuple(found))


def ends_part(line: str) -> bool:
    """Whether a bar line ends a part: the beginning and the end of a tune do too."""
    return not line or any(mark in line for mark in STRONG)


def _lengths(bar: Bar) -> str:
    return f"the bar lasts {bar.length} of a whole note, and its metre {bar.full}"


def _header_faults(tokens: Sequence[str]) -> Iterator[Fault]:
    for letter, name in (("M", "metre"), ("L", "unit"), ("K", "key")):
        if not any(token.startswith(f"{letter}:") for token in tokens[:4]):
            yield Fault("header", 0, 0, f"the header has no {name}")


def _is_right(number: int, bars: Sequence[Bar]) -> bool:
    """Whether a bar has its length, or completes one that is played after or before it."""
    bar = bars[number]
    assert bar.full is not None
    if bar.length >= bar.full:
        return bar.length == bar.full
    if number == 0:
        return True  # a pick-up: the bar that completes it is judged where it stands
    others: list[Bar] = []
    if ends_part(bar.closes):
        others += _played_after(number, bars)
    if ends_part(bar.opens):
        others += _played_before(number, bars)
    return any(bar.length + other.length == bar.full for other in others)


def _played_after(number: int, bars: Sequence[Bar]) -> Iterator[Bar]:
    """Yield the bar that follows the end of a part, and those that it may go back to."""
    if number + 1 < len(bars):
        yield bars[number + 1]
    # Also without a repeat: the last bar of a tune completes its pick-up.
    yield bars[0]
    yield bars[_part_start(number, bars)]


def _played_before(number: int, bars: Sequence[Bar]) -> Iterator[Bar]:
    """Yield the last bars of the part before, and of the part that it begins."""
    yield bars[number - 1]
    for later in range(number, len(bars)):
        if ends_part(bars[later].closes):
            yield bars[later]
            if "1" not in bars[later].closes:
                return


def _part_start(number: int, bars: Sequence[Bar]) -> int:
    """Return the number of the first bar of a part; endings belong to the part before them."""
    while number > 0 and not (ends_part(bars[number].opens) and bars[number].opens[-1] not in "12"):
        number -= 1
    return number


def _repeat_faults(bars: Sequence[Bar], tokens: Sequence[str], cut: bool) -> Iterator[Fault]:
    """Yield what is wrong with repeats and endings.

    A part may be closed by `:|` that was not opened by `|:`: it goes back to where it began.
    """
    opened: int | None = None  # where a repeat was begun that is not ended
    first: int | None = None  # where a first ending was that has no second yet
    stops = [bar.stop for bar in bars]
    for index, token in enumerate(tokens):
        if token[0] not in "|:[" or len(token) == 1:
            continue
        number = bisect_left(stops, index)
        begins, ends = token.endswith(":"), token.startswith(":")
        if begins and opened is not None and not ends:
            yield Fault("repeat", index, number, "a repeat begins before the last one ended")
        opened = index if begins else None if ends else opened
        if token[-1] == "2" and first is None:
            yield Fault("ending", index, number, "a second ending comes without a first")
        elif token[-1] != "2" and first is not None:
            yield Fault("ending", first, number, "a first ending has no second")
        first = index if token[-1] == "1" else None
    last = {"repeat": opened, "ending": first}
    words = {"repeat": "a repeat is begun and not ended", "ending": "a first ending has no second"}
    for kind, index_ in last.items():
        if index_ is not None and not cut:
            yield Fault(kind, index_, bisect_left(stops, index_), words[kind])
