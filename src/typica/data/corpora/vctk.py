"""VCTK: sentences read by about 110 voices with many accents.

Source: Yamagishi et al., 2019, https://doi.org/10.7488/ds/2645, versions 0.80 to 0.92.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from typica.core.errors import DataError
from typica.data.layout import LayoutSource, given
from typica.data.source import Item, Sound

_COLUMNS = ("age", "gender", "accent", "region")


class VCTK(LayoutSource):
    """All sentences; of two microphones the first. No splits are published: ours part speakers."""

    name = "vctk"
    licence = "CC BY 4.0 (VCTK, University of Edinburgh); before version 0.92 ODC-By 1.0"
    made = "read from VCTK: sentences read by many voices, with their text"
    needs = (
        "the unpacked archive from https://datashare.ed.ac.uk/handle/10283/3443: name its folder "
        "by --from"
    )
    class_names = ("speaker", "gender", "accent")

    def _listed(self) -> Iterator[Item]:
        speakers = self._speakers()
        old = sorted(self.root.glob("wav48/*/*.wav"))
        for path in old or sorted(self.root.glob("wav48_silence_trimmed/*/*_mic1.flac")):
            name, speaker = path.relative_to(self.root).as_posix(), path.parent.name
            text = Path("txt", speaker, f"{path.stem.removesuffix('_mic1')}.txt").as_posix()
            known = speakers.get(speaker, {})
            # The texts of one speaker, p315, are lost: his sentences are heard without.
            if (self.root / text).parent.is_dir():
                yield self._file(name, text, speaker=speaker, text=text, **known)
            else:
                yield self._file(name, speaker=speaker, **known)

    def _speakers(self) -> dict[str, dict[str, str]]:
        """Read the table of speakers: columns apart by blanks, the last with blanks in it."""
        try:
            text = (self.root / "speaker-info.txt").read_text("utf-8", "replace")
        except OSError:
            return {}
        found = {}
        for line in text.splitlines()[1:]:
            number, *values = re.sub(r"\(.*", "", line).split(maxsplit=len(_COLUMNS)) or [""]
            # Older tables write 225, newer ones p225.
            speaker = f"p{number}" if number.isdecimal() else number
            found[speaker] = {
                name: " ".join(value.split()) for name, value in zip(_COLUMNS, values, strict=False)
            }
        return found

    def open(self, item: Item) -> Sound:
        """Open a sentence; its label is the speaker."""
        audio, told = self._sound(item)
        text = told.pop("text", None)
        if text:
            try:
                told["text"] = (self.root / text).read_text("utf-8", "replace").strip()
            except OSError as error:
                raise DataError(f"text cannot be opened: {text}") from error
        speaker = told["speaker"]
        return Sound(audio.rate, audio.blocks, speaker, group=speaker, facts=given(**told))
