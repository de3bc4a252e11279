"""Piano rolls: what sounds, and what is struck, frame by frame.

Frame `i` covers the time from `i / rate` to `(i + 1) / rate` seconds. A roll of what sounds cannot
tell a held note from one struck again: the roll of what is struck can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typica.score.notes import Notes

PITCHES = 128
# Of a frame. A time that stands for a whole number of frames may have lost its last bits.
_ROUNDING = 1e-6


def piano_roll(notes: Notes, rate: float, frames: int | None = None) -> NDArray[np.uint8]:
    """Mark the frames in which each pitch sounds, in whichever voice.

    A frame is marked if its key is down in any part of it: from floor(onset * rate) to
    ceil(offset * rate), at least one frame.

    Args:
        notes: What sounds.
        rate: Frames a second.
        frames: Length of the roll; without it, up to the last release. What lies past it is cut.

    Returns:
        Zeros and ones, shape (frames, 128).
    """
    first, last = _spans(notes, rate)
    roll = _empty(last, frames)
    for pitch, begin, end in zip(notes.pitch, first, last, strict=True):
        roll[begin:end, pitch] = 1
    return roll


def onset_roll(notes: Notes, rate: float, frames: int | None = None) -> NDArray[np.uint8]:
    """Mark the frame in which each note is struck; arguments and result as of `piano_roll`."""
    first, last = _spans(notes, rate)
    roll = _empty(last, frames)
    inside = first < len(roll)
    roll[first[inside], notes.pitch[inside]] = 1
    return roll


def _spans(notes: Notes, rate: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first = np.floor(notes.onset_s * rate + _ROUNDING).astype(np.int64)
    last = np.ceil(notes.offset_s * rate - _ROUNDING).astype(np.int64)
    return first, np.maximum(last, first + 1)


def _empty(last: NDArray[np.int64], frames: int | None) -> NDArray[np.uint8]:
    if frames is None:
        frames = int(last.max(initial=0))
    return np.zeros((frames, PITCHES), dtype=np.uint8)
