"""From ABC as it is typed to the tokens of a tune: what does not sound as written is left out.

Left out are titles, chord names, ornaments, grace notes, words, comments, ties and slurs. Lengths,
keys, metres and bar lines are written in one way each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from typica.core.errors import DataError
from typica.score.abc.books import Typed
from typica.score.abc.keys import read_key
from typica.score.abc.tokens import token_type, tokenise

_FIELD = re.compile(r"^[IKLMNPQRSTUVWXYZmrsw]:(?![|:])")
_METERS = {"C": "4/4", "C|": "2/2"}
_FREE = "none"
_ORNAMENTS = r"[~.HLMNOPQRSTUVIWKJhijklmnopqrtuvw*`\\$!]"
_BARS = r"(?:\[\||[|:])(?:[|:\s]*[|:])?\]?"
_TUPLET = re.compile(r"\(\d(?::\d?){1,2}")
_ENDING = r"(?:\s*\[?(\d)(?:[,-]\d)*\.?(?=[^/\d]|$))?"
_FRACTION = re.compile(r"(?<![\d/])(\d*)(/+)(\d*)(?![\d/])")


class Tune(NamedTuple):
    """A tune that was cleaned.

    Attributes:
        book: Short name of its book.
        number: File and number of it.
        title: Its first title.
        tokens: Meter, unit and key, then its bars; without `<s>` and `</s>`.
    """

    book: str
    number: str
    title: str
    tokens: tuple[str, ...]


class Cleaned(NamedTuple):
    """What became of many tunes.

    Attributes:
        tunes: Those that could be cleaned.
        failures: How many could not, by reason.
    """

    tunes: list[Tune]
    failures: Counter[str]


def clean_all(typed: Iterable[Typed]) -> Cleaned:
    """Clean tunes; those that cannot be are counted by their reason."""
    tunes, failures = [], Counter[str]()
    for one in typed:
        try:
            tunes.append(clean(one))
        except DataError as error:
            # The place is another one each time; what is wrong there is not.
            failures[re.sub(r" at character.*", "", str(error))] += 1
    return Cleaned(tunes, failures)


def clean(typed: Typed) -> Tune:
    """Clean a tune.

    Raises:
        DataError: It has several voices, no key or metre, or something that is no ABC.
    """
    fields = typed.fields
    for letter, name in (("K", "key"), ("M", "metre")):
        if not fields.get(letter):
            raise DataError(f"it has no {name}")
    meter = read_meter(fields["M"])
    header = [meter, _unit(fields.get("L") or _usual_unit(meter)), _key(fields["K"])]
    body = tokenise(" ".join(_music(typed.body)))
    if not any(token != "z" and token_type(token) == "pitch" for token in body):
        raise DataError("it has no notes")
    title = typed.titles[0] if typed.titles else ""
    return Tune(typed.book, typed.number, title, (*header, *body))


def read_meter(text: str) -> str:
    """Return a metre's token: "C|" is "M:2/2".

    Raises:
        DataError: It is none.
    """
    text = _METERS.get(text, text.replace(" ", ""))
    if text != _FREE and not re.fullmatch(r"[1-9]\d*(\+[1-9]\d*)*/(1|2|4|8|16|32)", text):
        raise DataError(f"{text!r} is no metre")
    return f"M:{text}"


def _usual_unit(meter: str) -> str:
    """Return the unit where none is given: a sixteenth below three quarters, else an eighth."""
    if meter == f"M:{_FREE}":
        return "1/8"
    above, below = meter[2:].split("/")
    whole = Fraction(sum(map(int, above.split("+"))), int(below))
    return "1/16" if whole < Fraction(3, 4) else "1/8"


def _unit(text: str) -> str:
    text = text.replace(" ", "")
    if not re.fullmatch(r"1/(1|2|4|8|16|32)", text):
        raise DataError(f"{text!r} is no unit note length")
    return f"L:{text}"


def _key(text: str) -> str:
    return f"K:{read_key(text).name}"


def _music(body: str) -> list[str]:
    """Return cleaned lines; a run of lines between two fields is one of them."""
    lines: list[str] = []
    run: list[str] = []
    for line in body.splitlines():
        line = line.split("%")[0].strip().removesuffix("=")  # what mail makes of a line's end
        if not _FIELD.match(line):
            run.append(line)
            continue
        token = _changed(line[0], line[2:].strip())
        if token:  # what does not change how the music is read does not part it either
            lines += [_clean_music(" ".join(run)), token]
            run = []
    return [*lines, _clean_music(" ".join(run))]


def _changed(letter: str, value: str) -> str:
    """Return the token of a field within a tune; none for what is left out."""
    if letter == "V":
        raise DataError("it has several voices")
    kinds = {"K": _key, "M": read_meter, "L": _unit}
    return kinds[letter](value) if letter in kinds else ""


def _clean_music(music: str) -> str:
    music = re.sub(r'"[^"]*"', "", music)
    music = re.sub(r"!\w[^!\s|]*!", "", music)
    music = re.sub(r"\{[^{}]*\}", "", music).replace("[|]", "")  # a bar line that is not seen
    music = re.sub(r"=\d\d", " ", music)  # what mail makes of a blank
    # Fields in brackets wait outside of what is cleaned next.
    parts = re.split(r"\[([A-Za-z]:[^\]]*)\]", music)
    cleaned = [_bare(part) for part in parts[::2]]
    fields = [_changed(part[0], part[2:].strip()) for part in parts[1::2]]
    return " ".join(piece for pair in zip(cleaned, [*fields, ""], strict=True) for piece in pair)


def _bare(music: str) -> str:
    """Write a stretch of music without ornaments, ties and slurs, in one way."""
    if "&" in music:
        raise DataError("it has several voices")
    music = re.sub(r"y\d*", " ", music)  # a gap in the print
    # A fermata over a bar line, written on a rest that is not seen.
    music = re.sub(r"Hx(?=\s*[|:])", "", music)
    music = re.sub(_ORNAMENTS, "", music).replace("x", "z")
    music = re.sub(r"\((?!\d)|[-){}]", "", music)
    music = re.sub(r"(?<=[\^=_])\s+(?=[A-Ga-g])", "", music)
    music = re.sub(r"(?<=[A-Ga-gz,'\]])\s+(?=[/\d<>])", "", music)
    music = _FRACTION.sub(_in_one_way, music)
    music = re.sub(r"(?<=[A-Ga-gz,'\]])1(?![\d/])", "", music)
    # A tuplet's colons are no bar lines: they wait as semicolons.
    music = _TUPLET.sub(lambda match: match.group().replace(":", ";"), _alone(music))
    return re.sub(_BARS + _ENDING, _bar_line, music).replace(";", ":")


def _alone(music: str) -> str:
    """Give the mark of an ending the bar line that it is written without."""
    return re.sub(r"(?<![|:\s])(\s*)\[(?=[12])", r"\1|", music)


def _in_one_way(match: re.Match[str]) -> str:
    above, slashes, below = match.groups()
    size = Fraction(int(above or 1), int(below) if below else 2 ** len(slashes))
    if size.denominator == 1:
        return str(size.numerator)
    return (str(size.numerator) if size.numerator > 1 else "") + f"/{size.denominator}"


def _bar_line(match: re.Match[str]) -> str:
    ending = match.group(1) or ""
    line = re.sub(r"[^|:\]]" if ending else r"\s", "", match.group())
    closes, opens = line.startswith(":"), line.endswith(":") and len(line) > 1
    if closes and opens:
        return " :: "
    if closes:
        return f" :|{ending} "
    if opens:
        return " |: "
    if ending:
        return f" |{ending} "
    if "]" in line or "[" in line:
        return " |] " if "]" in line else " [| "
    return " || " if line.count("|") > 1 else " | "
