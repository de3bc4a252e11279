"""Digits, letters and the spelling alphabet, spoken by one voice: sounds of Asterisk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from typica.data.layout import LayoutSource
from typica.data.source import Item, Sound

_KINDS = {"digits": "number", "letters": "letter", "phonetic": "spelling"}
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


class AsteriskWords(LayoutSource):
    """The prompts that are single words; the label is their kind, the word is among the facts."""

    name = "asterisk_words"
    licence = "CC BY-SA 3.0 (Asterisk core sounds, spoken by Allison Smith)"
    made = "numbers, letters and the spelling alphabet spoken by one voice, at 8000 Hz"
    needs = "the sounds of Asterisk: apt-get install asterisk-core-sounds-en-wav"
    place = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
    minimum_s = 0.1

    def _listed(self) -> Iterator[Item]:
        for folder in _KINDS:
            for path in sorted((self.root / folder).glob("*.wav")):
                yield self._file(f"{folder}/{path.name}")

    def open(self, item: Item) -> Sound:
        """Open a word."""
        audio, _ = self._sound(item)
        path = Path(item.id)
        facts = {"text": word_of(path.stem)}
        return Sound(audio.rate, audio.blocks, _KINDS[path.parent.name], facts=facts)


def word_of(name: str) -> str:
    """Return the word that a file's name stands for, such as "monday" for "day-1"."""
    kind, _, number = name.partition("-")
    if number.isdecimal():
        if kind == "day" and int(number) < len(_DAYS):
            return _DAYS[int(number)]
        if kind == "mon" and int(number) < len(_MONTHS):
            return _MONTHS[int(number)]
        if kind == "h":
            return _ordinal(number)
    return name.removesuffix("_p")


def _ordinal(number: str) -> str:
    endings = {"1": "st", "2": "nd", "3": "rd"}
    return number + ("th" if number in ("11", "12", "13") else endings.get(number[-1], "th"))
