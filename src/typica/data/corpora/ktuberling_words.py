"""Names of things spoken in about 25 languages: sounds of KTuberling, a game for children."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from typica.data.layout import LayoutSource
from typica.data.source import Item, Sound


class KTuberlingWords(LayoutSource):
    """What the sound themes name, each file once; the label is the thing, in English."""

    name = "ktuberling_words"
    licence = "GPL-2 or later (KTuberling)"
    made = "names of things spoken in many languages, read from the game KTuberling"
    needs = "the sounds of KTuberling: apt-get install ktuberling-data"
    place = Path("/usr/share/ktuberling/sounds")
    class_names = ("language",)
    minimum_s = 0.1

    def _listed(self) -> Iterator[Item]:
        for path in sorted(self.root.glob("*.soundtheme")):
            try:
                theme = ElementTree.parse(path).getroot()
            except (OSError, ValueError, LookupError, ElementTree.ParseError):
                yield self._damaged(path.name, "damaged sound theme")
                continue
            for sound in theme.iter("sound"):
                thing, file = sound.get("name", ""), sound.get("file", "")
                place = PurePosixPath(file)
                if thing and file and not place.is_absolute() and ".." not in place.parts:
                    yield self._file(file, thing=thing, language=path.stem)
                else:
                    yield self._damaged(f"{path.name}: {file}", "damaged line of a sound theme")

    def open(self, item: Item) -> Sound:
        """Open a word."""
        audio, told = self._sound(item)
        facts = {"language": told["language"]}
        return Sound(audio.rate, audio.blocks, told["thing"], facts=facts)
