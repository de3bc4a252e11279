"""Lakh: a hundred thousand MIDI files of pop music, played by our synthesiser.

Source: Raffel, 2016, https://colinraffel.com/projects/lmd; all its archives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

from typica.core.errors import DataError
from typica.data.layout import LayoutSource, check_whole, given
from typica.data.played import read_midi
from typica.data.rendered import means, play
from typica.data.source import Item, Sound

LONGEST_S = 600.0  # more is a broken file, and would fill the memory
_BYTES_PER_MIDI_BYTE = 500  # of sound, roughly
_SONG = ("artist", "title")
_HASH = re.compile(r"[0-9a-f]{32}")
_TRACK = re.compile(r"TR[0-9A-Z]{16}")
_TITLE = re.compile(r"(?P<title>.+?)(\.\d+)?")  # several files of one song are numbered


class Lakh(LayoutSource):
    """The files of `lmd_full`, `lmd_matched`, `lmd_aligned` or `clean_midi`, each once.

    What is known to be the same song stays in one split.
    """

    name = "lakh"
    licence = "MIDI files: CC BY 4.0 (Lakh MIDI); sound bank: TimGM6mb, GPL-2"
    made = "read from Lakh MIDI, played by a synthesiser (midirenderer, TimGM6mb, no reverb)"
    needs = (
        "the unpacked archive lmd_full, lmd_matched, lmd_aligned or clean_midi from "
        "https://colinraffel.com/projects/lmd: name its folder by --from (and pip install "
        "'typica[scores]')"
    )
    has_notes = True

    def _listed(self) -> Iterator[Item]:
        paths = sorted({*self.root.rglob("*.mid"), *self.root.rglob("*.MID")})
        if not paths:
            return
        sounding, seen = means(), set()
        for path in paths:
            if path.stem in seen:  # one file may match several recordings
                continue
            if _HASH.fullmatch(path.stem):
                seen.add(path.stem)
            name = path.relative_to(self.root).as_posix()
            item = self._file(name, means=sounding, **_song(path))
            yield item._replace(size=item.size * _BYTES_PER_MIDI_BYTE)

    def open(self, item: Item) -> Sound:
        """Play a file; facts are its MD5 hash and its track, or artist and title, if known."""
        told = check_whole(item)
        path = self.root / item.id
        if "md5" in told:
            _check_hash(path, told["md5"])
        notes = read_midi(path)
        if not len(notes):
            raise DataError("holds no notes")
        if notes.duration_s > LONGEST_S:
            raise DataError(f"too long: {notes.duration_s:.0f} s, more than {LONGEST_S:.0f} s")
        facts = {name: fact for name, fact in told.items() if name != "means"}
        song = told.get("track") or "/".join(told[name] for name in _SONG if name in told)
        return play(notes)._replace(facts=given(**facts), group=song or None)


def _check_hash(path: Path, expected: str) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"notes cannot be opened: {reason}") from error
    if md5(data).hexdigest() != expected:
        raise DataError("damaged: its name is the hash of another file")


def _song(path: Path) -> dict[str, str]:
    """Return what folder and name tell of a file."""
    folder = path.parent.name
    if _HASH.fullmatch(path.stem):
        track = {"track": folder} if _TRACK.fullmatch(folder) else {}
        return {"md5": path.stem, **track}
    if path.parent.parent.name == "clean_midi":
        return {"artist": folder, "title": _TITLE.fullmatch(path.stem)["title"]}  # type: ignore[index]
    return {}
