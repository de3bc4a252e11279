"""MAPS: piano pieces played by software and by two Disklaviers.

Source: Emiya et al., 2010, https://hal.inria.fr/inria-00544155. The pieces (MUS) are read, the
single notes and chords (ISOL, RAND, UCHO) are not. Splits as of Sigtia et al., 2016,
https://arxiv.org/abs/1508.01774: the Disklaviers are the test, and no piece of theirs is trained
on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from typica.core.errors import DataError
from typica.data.layout import LayoutSource
from typica.data.played import notes_of, read_rows
from typica.data.source import Item, Sound
from typica.score.notes import Note, Notes

TEST = ("ENSTDkAm", "ENSTDkCl")
"""The configurations that hold recordings of real pianos."""

_PIECE = re.compile(r"MAPS_MUS-(?P<piece>.+)_(?P<piano>[^_]+)")
_VELOCITY = 80  # the original's text files tell none


class Maps(LayoutSource):
    """The pieces of MAPS, or of its copy in flac with tables of notes.

    The original has `CONFIGURATION/MUS/MAPS_MUS-*.wav` with text files beside them; the copy that
    comes with the code of Onsets and Frames has `flac/*.flac` and `tsv/matched/*.tsv`.
    """

    name = "maps"
    licence = "CC BY-NC-SA (MAPS): not for commercial use"
    made = "read from MAPS: piano pieces from software and Disklaviers, with their notes"
    needs = (
        "the unpacked archives from https://adasp.telecom-paris.fr/resources/2010-07-08-maps-"
        "database: name the folder they lie in by --from"
    )
    has_notes = True
    class_names = ("piano", "piece")

    def _listed(self) -> Iterator[Item]:
        paths = [
            path
            for kind in ("wav", "flac")
            for path in self.root.rglob(f"MAPS_MUS-*.{kind}")
            if _PIECE.fullmatch(path.stem)
        ]
        held_out = {_piece(path) for path in paths if _piano(path) in TEST}
        for path in sorted(paths):
            name = path.relative_to(self.root).as_posix()
            if _piano(path) not in TEST and _piece(path) in held_out:
                yield self._damaged(name, "held back: its piece is played in the test split too")
            else:
                yield self._file(name, _notes_file(name))

    def open(self, item: Item) -> Sound:
        """Open a piece; its label is the piano. The pedal is in the notes already."""
        audio, _ = self._sound(item)
        path = Path(item.id)
        notes = read_notes(self.root / _notes_file(item.id))
        return Sound(
            audio.rate,
            audio.blocks,
            _piano(path),
            notes=notes,
            split="test" if _piano(path) in TEST else "train",
            group=_piece(path),
            facts={"piano": _piano(path), "piece": _piece(path)},
        )


def _piece(path: Path) -> str:
    return _PIECE.fullmatch(path.stem)["piece"]  # type: ignore[index]


def _piano(path: Path) -> str:
    return _PIECE.fullmatch(path.stem)["piano"]  # type: ignore[index]


def _notes_file(name: str) -> str:
    path = PurePosixPath(name)
    if path.suffix == ".wav":
        return path.with_suffix(".txt").as_posix()
    return (path.parent.parent / "tsv" / "matched" / f"{path.stem}.tsv").as_posix()


def read_notes(path: Path) -> Notes:
    """Read onset, offset and pitch of each note, and in the copy its velocity.

    Raises:
        DataError: They cannot be read; the message is the reason alone.
    """
    with_velocity = path.suffix == ".tsv"
    width = 4 if with_velocity else 3
    notes = []
    for number, row in enumerate(read_rows(path), 2):
        if len(row) != width:
            raise DataError(f"damaged notes: note {number - 1} of {path.name}")
        onset, offset, pitch = row[:3]
        velocity = int(row[3]) if with_velocity else _VELOCITY
        if offset > onset:
            notes.append(Note(int(pitch), onset, offset, velocity))
    return notes_of(notes)
