"""MAESTRO, versions 1 to 3: piano competitions as sound and MIDI, aligned to about 3 ms.

Source: Hawthorne et al., 2019, https://arxiv.org/abs/1810.12247;
layout: https://magenta.tensorflow.org/datasets/maestro.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typica.core.errors import DataError
from typica.data.layout import SPLITS, LayoutSource, given, table
from typica.data.played import read_midi
from typica.data.source import Item, Sound

_COLUMNS = ("canonical_composer", "canonical_title", "split", "year")
_FILES = ("midi_filename", "audio_filename")
_ROOT = "maestro-v*"


class Maestro(LayoutSource):
    """The recordings that the table of the archive names, in the splits it gives them."""

    name = "maestro"
    licence = "CC BY-NC-SA 4.0 (MAESTRO): not for commercial use"
    made = "read from MAESTRO: piano recordings with the notes that the instrument recorded"
    needs = (
        "the unpacked archive from https://magenta.tensorflow.org/datasets/maestro: "
        "name its folder by --from"
    )
    has_notes = True
    class_names = ("composer",)

    def _listed(self) -> Iterator[Item]:
        number = 0
        for number, row in _rows(self.root):
            if row is None or not all(row.get(name) for name in (*_FILES, "split")):
                yield self._damaged(f"line {number} of the table", "damaged line of the table")
            elif str(row["split"]) not in SPLITS:
                reason = f"unknown split: {row['split']!r}"
                yield self._damaged(str(row["audio_filename"]), reason)
            else:
                told = {name: str(row.get(name) or "") for name in _COLUMNS}
                midi = str(row["midi_filename"])
                yield self._file(str(row["audio_filename"]), midi, midi=midi, **told)

    def open(self, item: Item) -> Sound:
        """Open a recording; its label is the composer.

        Notes end when their sound does: the pedal is taken into account. The MIDI file may be
        longer than the sound.
        """
        audio, told = self._sound(item)
        facts = given(
            composer=told["canonical_composer"], title=told["canonical_title"], year=told["year"]
        )
        notes = read_midi(self.root / told["midi"])
        split = SPLITS[told["split"]]
        label = facts.get("composer")
        return Sound(audio.rate, audio.blocks, label, notes=notes, split=split, facts=facts)


def _rows(root: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    for path in sorted(root.glob(f"{_ROOT}.csv")):
        yield from table(path, (*_COLUMNS[2:3], *_FILES))
        return
    for path in sorted(root.glob(f"{_ROOT}.json")):
        yield from enumerate(_of_json(path), 1)
        return


def _of_json(path: Path) -> list[dict[str, Any] | None]:
    """Read a list of rows, as of versions 1 and 2, or columns of numbered values, as of 3."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if isinstance(value, list):
        return [row if isinstance(row, dict) else None for row in value]
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise DataError(f"{path} holds neither rows nor columns")
    numbers = dict.fromkeys(number for column in value.values() for number in column)
    return [
        {name: column[number] for name, column in value.items() if number in column}
        for number in numbers
    ]
