"""The notes of recordings as rows of a file, and the rolls that are drawn from them when asked.

A roll of 128 pitches is as large as the sound it belongs to; its notes are a thousandth of that.
"""

from __future__ import annotations

import numpy as np

from typica.data.source import TrackKind
from typica.score.notes import Note, Notes

ROW = np.dtype(
    [("onset_s", "<f8"), ("offset_s", "<f8")]
    + [(name, "u1") for name in ("pitch", "velocity", "channel", "program")]
)
"""One note, in 20 bytes; fields as of `Notes`."""

PITCHES = 128
FASTEST = 125  # frames a second: 128 samples a frame at 16 kHz
# Of a frame. A time that stands for a whole number of frames may have lost its last bits.
_ROUNDING = 1e-6


def track_kinds(rate: int) -> dict[str, TrackKind]:
    """Return the tracks drawn from notes: frames of whole samples, at most 125 a second.

    "roll" marks what sounds, "onsets" what is struck, and "velocities" tells of what sounds how
    hard it was struck, 1 to 127.
    """
    frames = next(count for count in range(FASTEST, 0, -1) if rate % count == 0)
    kind = TrackKind(PITCHES, float(frames))
    return {"roll": kind, "onsets": kind, "velocities": kind}


def rows_of(notes: Notes | None) -> np.ndarray:
    """Return notes as rows, in order of onset."""
    if notes is None:
        return np.empty(0, ROW)
    ordered = notes.in_order()
    rows = np.empty(len(ordered), ROW)
    for name in Note._fields:
        rows[name] = getattr(ordered, name)
    return rows


def notes_of(rows: np.ndarray) -> Notes:
    """Return the notes that rows stand for."""
    return Notes(**{name: np.array(rows[name]) for name in Note._fields})


def draw(frames: np.ndarray, rows: np.ndarray, name: str, rate: float, start: int) -> None:
    """Draw a track of notes, as of `typica.score.roll`, into frames.

    Args:
        frames: To be filled, (frames, 128); the first is frame `start` of the recording.
        rows: Its notes, in order of onset.
        name: One of the `track_kinds`.
        rate: Frames a second.
        start: May be negative: before a recording nothing sounds.
    """
    frames[:] = 0
    first = np.floor(rows["onset_s"] * rate + _ROUNDING).astype(np.int64) - start
    last = np.ceil(rows["offset_s"] * rate - _ROUNDING).astype(np.int64) - start
    last = np.maximum(last, first + 1)
    inside = np.flatnonzero((last > 0) & (first < len(frames)))
    for row, begin, end in zip(rows[inside], first[inside], last[inside], strict=True):
        if name == "onsets":
            end = begin + 1
        value = row["velocity"] if name == "velocities" else 1
        if end > 0:
            frames[max(begin, 0) : end, row["pitch"]] = value
