"""Reading the notes that belong to a recording."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from typica.core.errors import DataError
from typica.score.midi import decode_performance
from typica.score.notes import Note, Notes
from typica.score.pedal import sustained


def read_midi(path: Path) -> Notes:
    """Read a MIDI file; notes ring on while the pedal holds them.

    Raises:
        DataError: It cannot be read; the message is the reason alone.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"notes cannot be opened: {reason}") from error
    return sustained(decode_performance(data))


def read_rows(path: Path, delimiter: str = "\t") -> Iterable[list[float]]:
    """Yield the rows of a table of numbers; the first line is its header.

    Raises:
        DataError: It cannot be read; the message is the reason alone.
    """
    try:
        lines = path.read_text("utf-8", "replace").splitlines()[1:]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"notes cannot be opened: {reason}") from error
    for number, line in enumerate(lines, 2):
        if line.strip():
            try:
                row = [float(value) for value in line.split(delimiter)]
            except ValueError as error:
                raise DataError(f"damaged notes: line {number} of {path.name}") from error
            if not all(map(math.isfinite, row)):
                raise DataError(f"damaged notes: line {number} of {path.name}")
            yield row


def notes_of(rows: Iterable[Note]) -> Notes:
    """Gather notes in order of onset.

    Raises:
        DataError: A number is out of its range; the message is the reason alone.
    """
    try:
        return Notes.of(rows).in_order()
    except DataError as error:
        raise DataError(f"damaged notes: {error}") from error
