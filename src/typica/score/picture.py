"""Piano rolls as grey pictures: time to the right, pitch upwards, one panel a voice.

A pixel is 0 in silence, the velocity while a note is held, and 128 more where it is struck, so that
a note struck again is told from one that is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError
from typica.score.notes import Notes

FRAMES_PER_S = 100.0
_STRUCK = 128


@dataclass(frozen=True)
class RollPicture:
    """What the pixels of a picture of notes stand for.

    Attributes:
        frames_per_s: Columns a second; times are rounded to the nearest.
        lowest: Pitch of the lowest row of each panel.
        highest: Pitch of its uppermost row.
        voices: Channel and program of each panel, from the top.
        thickness: Rows of pixels that a pitch takes.
    """

    frames_per_s: float
    lowest: int
    highest: int
    voices: tuple[tuple[int, int], ...]
    thickness: int = 4

    def __post_init__(self) -> None:
        numbers = [number for voice in self.voices for number in voice]
        whole = all(isinstance(number, int) for number in (*numbers, self.lowest, self.thickness))
        if not whole or not 0 < self.frames_per_s < np.inf or not 0 < self.thickness <= 100:
            raise DataError(f"a picture of notes has frames, rows and voices, got {self}")
        if not 0 <= self.lowest <= self.highest <= 127 or not self.voices:
            raise DataError(f"a picture of notes has pitches and voices of MIDI, got {self}")

    @classmethod
    def of(cls, notes: Notes, *, frames_per_s: float = FRAMES_PER_S) -> RollPicture:
        """Return what is needed for notes: their voices, and their pitches with a margin.

        Raises:
            DataError: There are no notes.
        """
        if not len(notes):
            raise DataError("there are no notes to draw")
        voices = sorted(set(zip(notes.channel.tolist(), notes.program.tolist(), strict=True)))
        lowest, highest = int(notes.pitch.min()) - 2, int(notes.pitch.max()) + 2
        return cls(frames_per_s, max(lowest, 0), min(highest, 127), tuple(voices))

    @property
    def rows(self) -> int:
        """Rows of pixels of a panel."""
        return (self.highest - self.lowest + 1) * self.thickness

    def draw(self, notes: Notes) -> NDArray[np.uint8]:
        """Return the picture of notes, (panels * rows, frames).

        Notes are as long as a frame at least. Of two of a voice and pitch that are struck in one
        frame the later row is drawn; where they overlap, the first ends as the second begins.
        """
        ordered = notes.in_order()
        first = np.floor(ordered.onset_s * self.frames_per_s + 0.5).astype(np.int64)
        last = np.floor(ordered.offset_s * self.frames_per_s + 0.5).astype(np.int64)
        last = np.maximum(last, first + 1)
        numbers = {voice: number for number, voice in enumerate(self.voices)}
        pitches = self.highest - self.lowest + 1
        roll = np.zeros((len(self.voices), pitches, int(last.max(initial=0))), np.uint8)
        for row in range(len(ordered)):
            voice = int(ordered.channel[row]), int(ordered.program[row])
            line = roll[numbers[voice], self.highest - int(ordered.pitch[row])]
            # What a longer note before it would sound beyond its end is cut off with it.
            line[first[row] :] = 0
            line[first[row] : last[row]] = ordered.velocity[row]
            line[first[row]] += _STRUCK
        return roll.reshape(-1, roll.shape[-1]).repeat(self.thickness, axis=0)

    def read(self, levels: NDArray) -> Notes:
        """Return the notes of a picture: the inverse of `draw`, to the nearest frame.

        A note is read where it is struck, and as long as what follows is not black.

        Raises:
            DataError: It has not the rows of its panels, or more than 256 greys.
        """
        wanted = len(self.voices) * self.rows
        if levels.dtype != np.uint8 or levels.shape[0] != wanted:
            raise DataError(
                f"its picture of notes should have {wanted} rows of 8-bit grey and has "
                f"{levels.shape[0]} of {levels.dtype.itemsize * 8} bits: it was scaled or cut"
            )
        panels = levels[self.thickness // 2 :: self.thickness].reshape(
            len(self.voices), -1, levels.shape[1]
        )
        return _joined(self._panel(*one) for one in zip(self.voices, panels, strict=True))

    def _panel(self, voice: tuple[int, int], panel: NDArray[np.uint8]) -> Notes:
        struck = panel > _STRUCK
        row, first = np.nonzero(struck)
        # A note ends at the next frame that is black or struck, or with the picture.
        frames = np.where((panel == 0) | struck, np.arange(panel.shape[1]), panel.shape[1])
        frames = np.pad(frames, ((0, 0), (0, 1)), constant_values=panel.shape[1])
        last = np.minimum.accumulate(frames[:, ::-1], axis=1)[:, ::-1][row, first + 1]
        channel, program = (np.full(len(row), number) for number in voice)
        return Notes(
            pitch=(self.highest - row).astype(np.int64),
            onset_s=first / self.frames_per_s,
            offset_s=last / self.frames_per_s,
            velocity=panel[row, first] - np.uint8(_STRUCK),
            channel=channel,
            program=program,
        )


def _joined(parts: Iterable[Notes]) -> Notes:
    """Return the notes of all parts, in order."""
    columns = list(parts)
    names = columns[0].__dataclass_fields__
    joined = {name: np.concatenate([getattr(one, name) for one in columns]) for name in names}
    return replace(columns[0], **joined).in_order()
