"""LJSpeech 1.1: one reader, 13,100 sentences.

Source: Keith Ito and Linda Johnson, 2017, https://keithito.com/LJ-Speech-Dataset.
"""

from __future__ import annotations

from collections.abc import Iterator

from typica.core.errors import DataError
from typica.data.layout import LayoutSource, given
from typica.data.source import Item, Sound


class LJSpeech(LayoutSource):
    """The clips that `metadata.csv` names. The archive has no splits: ours are drawn."""

    name = "ljspeech"
    licence = "public domain (LJSpeech)"
    made = "read from LJSpeech: sentences read by one voice, with their text"
    needs = (
        "the unpacked archive from https://keithito.com/LJ-Speech-Dataset: name its folder, "
        "LJSpeech-1.1, by --from"
    )

    def _listed(self) -> Iterator[Item]:
        path = self.root / "metadata.csv"
        if not path.exists():
            return
        try:
            with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
                # Quotation marks are part of the text, and need not be closed.
                for number, line in enumerate(file, 1):
                    parts = line.rstrip("\r\n").split("|")
                    if len(parts) == 3 and parts[0]:
                        name = f"wavs/{parts[0]}.wav"
                        yield self._file(name, text=parts[1], normalised_text=parts[2])
                    elif line.strip():
                        reason = "damaged line: there must be three fields"
                        yield self._damaged(f"metadata.csv, line {number}", reason)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error

    def open(self, item: Item) -> Sound:
        """Open a clip; its facts are its text as printed, and as spoken."""
        audio, told = self._sound(item)
        return Sound(audio.rate, audio.blocks, facts=given(**told))
