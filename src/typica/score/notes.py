"""The notes of a piece, as columns: what every score, performance and transcription is here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError

DRUM_CHANNEL = 9


class Note(NamedTuple):
    """One note; see `Notes` for the meaning of its numbers."""

    pitch: int
    onset_s: float
    offset_s: float
    velocity: int = 80
    channel: int = 0
    program: int = 0


@dataclass(frozen=True, eq=False)
class Notes:
    """The notes of a piece, one row a note, in any order.

    Attributes:
        pitch: MIDI pitches in [0, 127]: 60 is middle C, 69 is the A of 440 hertz.
        onset_s: When each note begins, in seconds from the beginning of the piece.
        offset_s: When its key is released, after its onset; the sound may ring on.
        velocity: How hard it is struck, in [1, 127].
        channel: The voice that plays it, in [0, 15]; channel 9 holds drums.
        program: The General MIDI instrument, counted from 0, the piano.

    Raises:
        DataError: The columns differ in length, or a number is out of its range.
    """

    pitch: NDArray[np.uint8]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    velocity: NDArray[np.uint8]
    channel: NDArray[np.uint8]
    program: NDArray[np.uint8]

    def __post_init__(self) -> None:
        columns = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        shapes = {column.shape for column in columns.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            raise DataError("the columns of notes must be equally long, one number a note")
        for name, (low, high) in _RANGES.items():
            _check_range(name, columns[name], low, high)
            object.__setattr__(self, name, columns[name].astype(np.uint8))
        onset, offset = (columns[name].astype(np.float64) for name in ("onset_s", "offset_s"))
        # Written so that NaN is refused too.
        if not (np.all(onset >= 0) and np.all(offset > onset) and np.all(np.isfinite(offset))):
            raise DataError("notes must begin at or after 0 s and end after they begin")
        object.__setattr__(self, "onset_s", onset)
        object.__setattr__(self, "offset_s", offset)

    @classmethod
    def of(cls, notes: Iterable[Note]) -> Notes:
        """Gather single notes into columns, in the order they come."""
        columns = list(zip(*notes, strict=True)) or [()] * len(Note._fields)
        return cls(**dict(zip(Note._fields, map(np.array, columns), strict=True)))

    def __len__(self) -> int:
        return len(self.pitch)

    @property
    def duration_s(self) -> float:
        """When the last note is released; 0 where there are no notes."""
        return float(self.offset_s.max(initial=0.0))

    def rows(self) -> list[Note]:
        """Return the notes one by one."""
        columns = (getattr(self, name).tolist() for name in Note._fields)
        return [Note(*row) for row in zip(*columns, strict=True)]

    def in_order(self) -> Notes:
        """Return the notes sorted by onset, then pitch, then channel."""
        order = np.lexsort((self.channel, self.pitch, self.onset_s))
        return Notes(**{field.name: getattr(self, field.name)[order] for field in fields(self)})

    def played_on(self, program: int) -> Notes:
        """Return the notes with another General MIDI instrument; drums stay what they are."""
        _check_range("program", np.asarray(program), 0, 127)
        programs = np.where(self.channel == DRUM_CHANNEL, self.program, program)
        return replace(self, program=programs)


_RANGES = {"pitch": (0, 127), "velocity": (1, 127), "channel": (0, 15), "program": (0, 127)}


def _check_range(name: str, column: NDArray, low: int, high: int) -> None:
    # An empty column holds floats, as numpy makes it from no numbers at all.
    if column.size and column.dtype.kind not in "iu":
        raise DataError(f"the {name} of a note must be a whole number, got {column.dtype} values")
    if column.size and not (low <= column.min() and column.max() <= high):
        wrong = column[(column < low) | (column > high)][0]
        raise DataError(f"the {name} of a note must be in [{low}, {high}], got {wrong}")
