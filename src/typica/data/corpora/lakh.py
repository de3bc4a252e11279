"""Lakh: a hundred thousand MIDI files of pop music, played by our synthesiser.

Source: Raffel, 2016, https://colinraffel.com/projects/lmd; all its archives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from typica.core.errors import DataError
from typica.data.layout import LayoutSource, check_whole, given
from typica.data.played import read_midi
from typica.data.rendered import means, play
from typica.data.source import Item, Sound

LONGEST_S = 600.0  # more is a broken file, and would fill the memory
_BYTES_PER_MIDI_BYTE = 500  # of sound, roughly


class Lakh(LayoutSource):
    """The files of `lmd_full`, `lmd_matched` or `lmd_aligned`, each MIDI file once."""

    name = "lakh"
    licence = "MIDI files: CC BY 4.0 (Lakh MIDI); sound bank: TimGM6mb, GPL-2"
    made = "read from Lakh MIDI, played by a synthesiser (midirenderer, TimGM6mb, no reverb)"
    needs = (
        "the unpacked archive lmd_full, lmd_matched or lmd_aligned from "
        "https://colinraffel.com/projects/lmd: name its folder by --from (and pip install "
        "'typica[scores]')"
    )
    has_notes = True

    def _listed(self) -> Iterator[Item]:
        paths = sorted([*self.root.rglob("*.mid"), *self.root.rglob("*.MID")])
        if not paths:
            return
        sounding, seen = means(), set()
        for path in paths:
            if path.stem in seen:  # one file may match several recordings
                continue
            seen.add(path.stem)
            track = path.parent.name if path.parent.name.startswith("TR") else ""
            name = path.relative_to(self.root).as_posix()
            item = self._file(name, track=track, means=sounding)
            yield item._replace(size=item.size * _BYTES_PER_MIDI_BYTE)

    def open(self, item: Item) -> Sound:
        """Play a file; facts are its MD5 hash and, where it is matched, its track."""
        told = check_whole(item)
        path = self.root / item.id
        if len(path.stem) == 32 and hashlib.md5(path.read_bytes()).hexdigest() != path.stem:
            raise DataError("damaged: its name is the hash of another file")
        notes = read_midi(path)
        if not len(notes):
            raise DataError("holds no notes")
        if notes.duration_s > LONGEST_S:
            raise DataError(f"too long: {notes.duration_s:.0f} s, more than {LONGEST_S:.0f} s")
        facts = given(md5=Path(item.id).stem, track=told["track"])
        return play(notes)._replace(facts=facts)
