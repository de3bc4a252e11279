"""The embedded corpus: chorales of Bach, played by a synthesiser, with what sounds when.

Nothing of it is ours to pass on: scores, sound bank and synthesiser lie in installed packages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np

from typica.core.errors import ConfigError, DataError
from typica.core.files import DiskError, replacing
from typica.data import rendered
from typica.data.corpus import data_home
from typica.data.source import Item, Sound, Source, TrackKind
from typica.score.chorales import COLLECTED, chorale_files, read_chorale
from typica.score.installed import package_folder
from typica.score.instruments import program_of
from typica.score.midi import decode_midi, encode_midi
from typica.score.notes import Notes
from typica.score.roll import PITCHES, onset_roll, piano_roll
from typica.score.synthesis import RATE, default_soundfont, render

FRAME_RATE = 125.0
"""Frames a second of the rolls: 128 samples a frame at 16 kHz."""

_FORMAT = 1  # raised when the same scores and settings would become other recordings
_TICKS_PER_QUARTER = 480  # every length in the scores is a whole number of ticks
_BYTES_PER_SCORE_BYTE = 1200  # of sound, roughly, to one of a compressed score


class Chorales(Source):
    """The first of Bach's collected chorales (BWV 253 on), each for four voices.

    Args:
        count: How many, from 1 to 186; the first 48 are 30 minutes.
        instruments: What they are played on, by turns; it becomes the label.
        quarters_per_minute: The tempo.

    Raises:
        ConfigError: A setting is out of range, or there is no such instrument.
    """

    name = "chorales"
    licence = (
        "music: public domain; scores: encodings of Margaret Greentree in the corpus of music21, "
        "used there by permission; sound bank: TimGM6mb, GPL-2"
    )
    needs = rendered.NEEDS
    track_kinds = {
        "roll": TrackKind(PITCHES, FRAME_RATE),
        "onsets": TrackKind(PITCHES, FRAME_RATE),
    }

    def __init__(
        self,
        count: int = 48,
        instruments: Sequence[str] = ("piano",),
        quarters_per_minute: float = 80.0,
    ) -> None:
        if not 1 <= count <= len(COLLECTED):
            raise ConfigError(f"count must be from 1 to {len(COLLECTED)}, got {count}")
        if not 10 <= quarters_per_minute <= 1000:
            raise ConfigError(
                f"quarters_per_minute must be from 10 to 1000, got {quarters_per_minute:g}"
            )
        if not instruments:
            raise ConfigError("instruments must name at least one, such as piano")
        self.count = count
        self.programs = {instrument: program_of(instrument) for instrument in instruments}
        self.quarters_per_minute = float(quarters_per_minute)
        self.made = (
            f"BWV {COLLECTED[0]} to {COLLECTED[count - 1]} as scores of music21, without repeats, "
            f"played at {quarters_per_minute:g} quarters a minute on {' or '.join(self.programs)} "
            f"by a synthesiser (midirenderer, sound bank TimGM6mb, no reverb)"
        )

    @property
    def is_ready(self) -> bool:
        """Whether scores, sound bank and synthesiser are installed."""
        return rendered.are_installed("music21", *rendered.PACKAGES)

    def items(self) -> list[Item]:
        """List the chorales; the work of each is guessed from the size of its score."""
        scores = chorale_files()
        means = self._means()
        items = []
        for number in COLLECTED[: self.count]:
            path = scores[f"bwv{number}"]
            stamp = _hash(self._instrument(path.stem), means, self._reading(path))
            size = path.stat().st_size * _BYTES_PER_SCORE_BYTE
            items.append(Item(path.stem, size, stamp))
        return items

    def open(self, item: Item) -> Sound:
        """Play a chorale; its label is the instrument, its tracks are exact."""
        instrument = self._instrument(item.id)
        notes = self._notes(chorale_files()[item.id])
        audio = render(notes.played_on(self.programs[instrument]))
        hop = round(RATE / FRAME_RATE)
        frames = -(-len(audio) // hop)
        rolls = {
            "roll": piano_roll(notes, FRAME_RATE, frames),
            "onsets": onset_roll(notes, FRAME_RATE, frames),
        }
        whole_frames = np.pad(audio, ((0, frames * hop - len(audio)), (0, 0)))
        return Sound(RATE, [whole_frames], instrument, rolls)

    def _instrument(self, chorale: str) -> str:
        return list(self.programs)[self._turn(chorale) % len(self.programs)]

    @staticmethod
    def _turn(chorale: str) -> int:
        return int(chorale.removeprefix("bwv")) - COLLECTED[0]

    def _means(self) -> str:
        """Return a hash of all that makes sound of notes."""
        bank = default_soundfont().read_bytes()
        package_folder("midirenderer", needed_for="rendering notes")
        return _hash(_FORMAT, bank, version("midirenderer"))

    def _reading(self, score: Path) -> str:
        """Return a hash of all that decides which notes are read from a score."""
        return _hash(_FORMAT, score.read_bytes(), version("music21"), self.quarters_per_minute)

    def _notes(self, score: Path) -> Notes:
        """Read a score, or the MIDI file that an earlier reading has left in the cache."""
        place = data_home() / ".cache" / self.name / f"{score.stem}-{self._reading(score)}.mid"
        with suppress(OSError, DataError):
            return decode_midi(place.read_bytes())
        notes = read_chorale(score, quarters_per_minute=self.quarters_per_minute)
        data = encode_midi(
            notes,
            quarters_per_minute=self.quarters_per_minute,
            ticks_per_quarter=_TICKS_PER_QUARTER,
        )
        # A cache that cannot be written costs time, not the corpus.
        with suppress(DiskError), replacing(place) as aside:
            aside.write_bytes(data)
        # Read back even now, so that the first time gives what every other will.
        return decode_midi(data)


def _hash(*parts: object) -> str:
    told = hashlib.blake2b(digest_size=8)
    for part in parts:
        told.update(part if isinstance(part, bytes) else repr(part).encode())
    return told.hexdigest()
