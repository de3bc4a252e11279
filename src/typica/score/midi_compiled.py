"""Which MIDI files are read by compiled code: those that come after many others.

To start numba takes a second or two, and some ten where nothing is compiled yet; the plain reader
reads `STARTS_AFTER` bytes in that time. So a process reads plainly up to there.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from typica.core.errors import MissingFeatureError
from typica.core.kernels import compiled
from typica.score.controls import Controls, Performance
from typica.score.midi_events import tracks_of
from typica.score.notes import Notes

STARTS_AFTER = 16_000_000
"""Bytes of MIDI files that a process reads before compiled code reads the others."""

_bytes_read = 0


def read_compiled(data: bytes) -> Performance | None:
    """Read a file as `typica.score.midi` does, if that is for compiled code to do.

    Returns:
        None where it is not: too little was read yet, numba is not installed, or the file is
        damaged, which the plain reader puts in words.

    Raises:
        DataError: It is not a MIDI file, or lacks tracks.
    """
    global _bytes_read
    _bytes_read += len(data)
    if _bytes_read <= STARTS_AFTER:
        return None
    try:
        return read_by(kernel(), data)
    except MissingFeatureError:
        return None


@cache
def kernel() -> Any:
    """Return `read` of midi_kernel.py, compiled.

    Raises:
        MissingFeatureError: numba is not installed.
    """
    source = files("typica.score").joinpath("midi_kernel.py").read_bytes()
    return compiled(
        "typica.score.midi_kernel", "read", [source], needed_for="compiled reading", nogil=True
    )


def read_by(read: Any, data: bytes) -> Performance | None:
    """Read a file by a kernel; None where it is damaged.

    Raises:
        DataError: It is not a MIDI file, or lacks tracks.
    """
    ticks_per_quarter, places = tracks_of(data)
    if not places:
        return None
    starts, stops = np.array(places, np.int64).T.copy()
    good, notes, controls = read(np.frombuffer(data, np.uint8), starts, stops, ticks_per_quarter)
    return Performance(Notes(*notes), Controls(*controls)) if good else None
