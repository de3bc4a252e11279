"""Single drum hits: the drum kits of Hydrogen, as Debian packs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from typica.data.layout import LayoutSource, given
from typica.data.source import Item, Sound

# The first that is found in the name of an instrument is its class.
_CLASSES = {
    "hat": r"hat|\bo?hh\b",
    "clap": r"clap",
    "rim": r"\brim|stick",
    "snare": r"snare|\bsn\b",
    "kick": r"kick|bass ?drum|\bbd\b",
    "tom": r"\btom",
    "crash": r"crash|splash|china|cymbal",
    "cowbell": r"cow ?bell|agogo|(?:dunun|kenken|sangban).*\bbell\b",
    "ride": r"\bride\b|\bbell\b",
    "shaker": r"shaker|maraca|cabasa|tambourine",
    "wood": r"wood|clave|block",
    "hand drum": r"bongo|conga|djembe|cajon|udu|darbuka",
}

# What Debian's account of the package tells of kits whose own table tells no licence.
_LICENCES = {
    "ColomboAcousticDrumkit": "GPL-2 or later, with an exception for compositions",
    "Millo-Drums_v.1": "GPL-2",
    "Millo_MultiLayered2": "GPL-2",
    "Millo_MultiLayered3": "GPL-2",
}


class Drums(LayoutSource):
    """All layers of all instruments of all kits; an instrument's kind is the label."""

    name = "drums"
    licence = (
        "by kit, told in each recording's facts: CC0-1.0, CC BY 3.0, CC BY-SA 3.0 or GPL-2 "
        "(drum kits of Hydrogen)"
    )
    made = "single hits of drums, read from the drum kits of Hydrogen"
    needs = "the drum kits of Hydrogen: apt-get install hydrogen-drumkits"
    place = Path("/usr/share/hydrogen/data/drumkits")
    class_names = ("kit", "instrument")
    minimum_s = 0.03

    def _listed(self) -> Iterator[Item]:
        for path in sorted(self.root.glob("*/drumkit.xml")):
            kit = path.parent.name
            try:
                tree = ElementTree.parse(path).getroot()
            except (OSError, ValueError, LookupError, ElementTree.ParseError):
                yield self._damaged(f"{kit}/drumkit.xml", "damaged table of a drum kit")
                continue
            licence = _text(tree, "license") or _LICENCES.get(kit, "")
            for instrument, file in _files(tree):
                name = f"{kit}/{file}"
                if ".." in Path(file).parts or Path(file).is_absolute():
                    yield self._damaged(name, "outside of its kit")
                else:
                    # A drum struck harder and softer, in layers, stays in one split.
                    told = {"kit": kit, "instrument": instrument, "licence": licence}
                    yield self._file(name, group=f"{kit}/{instrument}", **told)

    def open(self, item: Item) -> Sound:
        """Open a hit."""
        audio, told = self._sound(item)
        group, label = told.pop("group"), class_of(told["instrument"])
        return Sound(audio.rate, audio.blocks, label, group=group, facts=given(**told))


def class_of(instrument: str) -> str:
    """Return the kind of a drum by its name, such as "hat" of "Closed HH"; "other" if unknown."""
    name = instrument.lower()
    return next((kind for kind, words in _CLASSES.items() if re.search(words, name)), "other")


def _files(tree: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Yield instrument and sound file of each layer; older kits have files without layers."""
    for instrument in tree.iter():
        if _tag(instrument) == "instrument":
            name = _text(instrument, "name")
            for element in instrument.iter():
                if _tag(element) == "filename" and element.text and element.text.strip():
                    yield name, element.text.strip()


def _text(element: ElementTree.Element, tag: str) -> str:
    return next((one.text.strip() for one in element if _tag(one) == tag and one.text), "")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]  # without its namespace, which some kits give
