"""NSynth: single notes of a thousand instruments.

Source: Engel et al., 2017, https://arxiv.org/abs/1704.01279;
layout: https://magenta.tensorflow.org/datasets/nsynth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from typica.core.errors import DataError
from typica.data.layout import SPLITS, LayoutSource, given
from typica.data.source import Fact, Item, Sound
from typica.score.notes import Note, Notes

HELD_S = 3.0  # then the key is released, and a second of sound is left
_CHUNK = 1 << 20
_DECODER = json.JSONDecoder()
_NEEDED = {
    "note_str": str,
    "instrument_str": str,
    "pitch": int,
    "velocity": int,
    "instrument_family_str": str,
    "instrument_source_str": str,
}


class NSynth(LayoutSource):
    """All notes that the `examples.json` of each split names."""

    name = "nsynth"
    licence = "CC BY 4.0 (NSynth, Google Inc.)"
    made = "read from NSynth: single notes of four seconds, held for three"
    needs = (
        "the folders nsynth-train, nsynth-valid and nsynth-test (or some of them) from "
        "https://magenta.tensorflow.org/datasets/nsynth: name the folder they lie in by --from"
    )
    has_notes = True
    class_names = ("instrument", "pitch", "velocity", "source")

    def _listed(self) -> Iterator[Item]:
        for split in ("train", "valid", "test"):
            table = self.root / f"nsynth-{split}" / "examples.json"
            if not table.is_file():
                continue
            for name, row in json_entries(table):
                place = f"nsynth-{split}/audio/{name}.wav"
                wrong = _wrong(name, row)
                if wrong:
                    yield self._damaged(place, f"damaged entry of examples.json: {wrong}")
                else:
                    # The rest is in the name: 300,000 items should not hold it twice.
                    yield self._file(place, qualities=" ".join(row.get("qualities_str") or ()))

    def open(self, item: Item) -> Sound:
        """Open a note; its label is the family of its instrument."""
        audio, told = self._sound(item)
        path = PurePosixPath(item.id)
        instrument, pitch, velocity = _parts(path.stem)
        family, source, _ = instrument.rsplit("_", 2)
        facts: dict[str, Fact] = given(
            instrument=instrument, pitch=pitch, velocity=velocity, source=source, **told
        )
        return Sound(
            audio.rate,
            audio.blocks,
            family,
            notes=Notes.of([Note(pitch, 0.0, HELD_S, velocity)]),
            split=SPLITS[path.parts[0].removeprefix("nsynth-")],
            group=instrument,
            facts=facts,
        )


def _parts(name: str) -> tuple[str, int, int]:
    """Return instrument, pitch and velocity of a note by its name."""
    instrument, pitch, velocity = name.rsplit("-", 2)
    return instrument, int(pitch), int(velocity)


def _wrong(name: str, row: Any) -> str:
    """Tell what is wrong with an entry, or nothing."""
    if not isinstance(row, dict):
        return "not a table"
    for key, kind in _NEEDED.items():
        if not isinstance(row.get(key), kind):
            return f"no {key}"
    words = row.get("qualities_str") or []
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        return "no qualities_str"
    if not (0 <= row["pitch"] <= 127 and 1 <= row["velocity"] <= 127):
        return "pitch or velocity out of range"
    instrument = row["instrument_str"]
    begins = f"{row['instrument_family_str']}_{row['instrument_source_str']}_"
    named = f"{instrument}-{row['pitch']:03d}-{row['velocity']:03d}"
    return "" if name == named and instrument.startswith(begins) else "it differs from its name"


def json_entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a JSON object one by one: the file may be larger than the memory.

    Raises:
        DataError: It cannot be read; the message says after how many entries.
    """
    count = 0
    try:
        with path.open(encoding="utf-8") as file:
            text, at_end = file.read(_CHUNK), False
            place = _past(r"\s*\{", text, 0)
            while True:
                place = _past(r"[\s,]*", text, place)
                if text.startswith("}", place):
                    return
                try:
                    key, value, end = _entry(text, place, at_end)
                except ValueError:
                    if at_end:
                        raise
                    more = file.read(_CHUNK)
                    text, place, at_end = text[place:] + more, 0, not more
                    continue
                count, place = count + 1, end
                yield key, value
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged after {count} entries: unpack it again") from error


def _entry(text: str, place: int, at_end: bool) -> tuple[str, Any, int]:
    key, end = _DECODER.raw_decode(text, place)
    value, end = _DECODER.raw_decode(text, _past(r"\s*:\s*", text, end))
    if end == len(text) and not at_end:  # a number may go on
        raise ValueError("cut")
    return str(key), value, end


def _past(pattern: str, text: str, place: int) -> int:
    found = re.compile(pattern).match(text, place)
    if not found:
        raise ValueError("not an object")
    return found.end()
