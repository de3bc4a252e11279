"""MusicNet: recordings of chamber music with scores warped onto them.

Source: Thickstun et al., 2017, https://arxiv.org/abs/1611.09827;
layout: https://zenodo.org/records/5120004.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from typica.core.errors import DataError
from typica.data.layout import LayoutSource, given, table
from typica.data.played import notes_of
from typica.data.source import Item, Sound, Split
from typica.score.notes import DRUM_CHANNEL, Note, Notes

LABEL_RATE = 44_100
"""Labels count samples at this rate, whatever the recording's own."""

_SPLITS: dict[str, Split] = {"train": "train", "test": "test"}
_VELOCITY = 80  # labels tell none
_COLUMNS = ("start_time", "end_time", "instrument", "note")
_CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]


class MusicNet(LayoutSource):
    """The recordings of `train_data` and `test_data` with their labels."""

    name = "musicnet"
    licence = "public domain and Creative Commons by recording (MusicNet); labels: CC BY 4.0"
    made = "read from MusicNet: chamber music with warped scores, which have some errors"
    needs = (
        "the unpacked archive from https://zenodo.org/records/5120004 with musicnet_metadata.csv "
        "in it or beside it: name its folder by --from"
    )
    has_notes = True
    class_names = ("composer", "ensemble")

    def _listed(self) -> Iterator[Item]:
        told = self._metadata()
        for split in _SPLITS:
            for path in sorted((self.root / f"{split}_data").glob("*.wav")):
                labels = f"{split}_labels/{path.stem}.csv"
                known = told.get(path.stem, {})
                yield self._file(f"{split}_data/{path.name}", labels, split=split, **known)

    def _metadata(self) -> dict[str, dict[str, str]]:
        # It is published beside the archive, not in it.
        places = [folder / "musicnet_metadata.csv" for folder in (self.root, self.root.parent)]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            return {}
        names = ("composer", "composition", "movement", "ensemble")
        rows = (row for _, row in table(path, ("id", *names)) if row)
        return {row["id"]: {name: row[name] for name in names} for row in rows}

    def open(self, item: Item) -> Sound:
        """Open a recording; its label is the ensemble, and channels are its instruments."""
        audio, told = self._sound(item)
        split = told.pop("split")
        notes = read_labels(self.root / f"{split}_labels" / f"{Path(item.id).stem}.csv")
        facts = given(**told)
        return Sound(
            audio.rate,
            audio.blocks,
            facts.get("ensemble"),
            notes=notes,
            split=_SPLITS[split],
            group=": ".join(facts[name] for name in ("composer", "composition") if name in facts),
            facts=facts,
        )


def read_labels(path: Path) -> Notes:
    """Read the labels of a recording: samples to seconds, instruments to programs from 0.

    Raises:
        DataError: They cannot be read; the message is the reason alone.
    """
    notes, channels = [], dict[int, int]()
    for number, row in table(path, _COLUMNS):
        try:
            if row is None:
                raise ValueError
            start, end, instrument, pitch = (int(row[name]) for name in _COLUMNS)
        except ValueError as error:
            raise DataError(f"damaged notes: line {number} of {path.name}") from error
        if end <= start:  # warping leaves some notes without length
            continue
        channel = _CHANNELS[channels.setdefault(instrument, len(channels)) % len(_CHANNELS)]
        notes.append(
            Note(pitch, start / LABEL_RATE, end / LABEL_RATE, _VELOCITY, channel, instrument - 1)
        )
    return notes_of(notes)
