"""Piano rolls: what sounds, and what is struck, frame by frame.

Frame `i` covers the time from `i / rate` to `(i + 1) / rate` seconds. A roll of what sounds cannot
tell a held note from one struck again: the roll of what is struck can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError, ShapeError
from typica.score.notes import Notes

PITCHES = 128
PIANO = slice(21, 109)
"""The columns of a roll that are the 88 keys of a piano."""

_VELOCITY = 80
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

    Raises:
        ConfigError: The rate is not positive, or the length negative.
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


def velocity_roll(
    notes: Notes, rate: float, frames: int | None = None, *, held: bool = True
) -> NDArray[np.float32]:
    """Mark notes with their velocities, as MIDI-conditioned models are told them.

    Args:
        notes: What sounds.
        rate: Frames a second.
        frames: As of `piano_roll`.
        held: Whether a note is marked as long as it sounds; else only where it is struck.

    Returns:
        Velocities in [0, 1], 0 where nothing sounds; where notes of a pitch overlap, the later's.
        Shape (frames, 128).
    """
    ordered = notes.in_order()
    first, last = _spans(ordered, rate)
    roll = _empty(last, frames).astype(np.float32)
    stops = last if held else first + 1
    for row in range(len(ordered)):
        roll[first[row] : stops[row], ordered.pitch[row]] = ordered.velocity[row] / 127
    return roll


def frames_of(samples: int, hop: int) -> int:
    """Return how many frames of `hop` samples cover a recording: the last may be cut.

    A roll at `rate / hop` frames a second is then aligned to the sample: frame `i` covers the
    samples from `i * hop` on.
    """
    return -(-samples // hop)


def roll_notes(
    onsets: NDArray, sounding: NDArray, rate: float, *, velocity: NDArray | None = None
) -> Notes:
    """Read notes off rolls: a note begins where its onset is marked, and there alone.

    Onsets in a row are one. A note ends where its pitch no longer sounds, or is struck again, or
    with the roll; an onset sounds for its own frame, marked as sounding or not.

    Source: Hawthorne et al. 2018, https://arxiv.org/abs/1710.11153, section 3.2.

    Args:
        onsets: What is struck, shape (frames, 128); all that is not 0 counts.
        sounding: What sounds, of the same shape.
        rate: Frames a second.
        velocity: In [0, 1], read at the onset; of the same shape. Without it all are 80.

    Raises:
        ConfigError: The rate is not positive.
        ShapeError: The shapes differ.
    """
    _check_rate(rate)
    struck, sounds = np.asarray(onsets) != 0, np.asarray(sounding) != 0
    shapes = {struck.shape, sounds.shape, struck.shape if velocity is None else velocity.shape}
    if len(shapes) > 1 or struck.ndim != 2 or struck.shape[1] != PITCHES:
        raise ShapeError(f"rolls must have one shape (frames, {PITCHES}), got {sorted(shapes)}")
    begins = struck & ~np.pad(struck, ((1, 0), (0, 0)))[:-1]
    silent = ~(struck | sounds)
    pitch, first = np.nonzero(begins.T)
    # A note ends at the next frame that is silent or begins another, or behind the last.
    stops = (silent | begins).T
    frames = np.where(stops, np.arange(len(struck)), len(struck))
    frames = np.pad(frames, ((0, 0), (0, 1)), constant_values=len(struck))
    next_stop = np.minimum.accumulate(frames[:, ::-1], axis=1)[:, ::-1]
    level = np.full(len(pitch), _VELOCITY)
    if velocity is not None:
        level = np.clip(np.round(velocity[first, pitch] * 127), 1, 127).astype(np.int64)
    nothing = np.zeros(len(pitch), np.uint8)
    return Notes(
        pitch=pitch.astype(np.uint8),
        onset_s=first / rate,
        offset_s=next_stop[pitch, first + 1] / rate,
        velocity=level.astype(np.uint8),
        channel=nothing,
        program=nothing,
    ).in_order()


def _spans(notes: Notes, rate: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    _check_rate(rate)
    first = np.floor(notes.onset_s * rate + _ROUNDING).astype(np.int64)
    last = np.ceil(notes.offset_s * rate - _ROUNDING).astype(np.int64)
    return first, np.maximum(last, first + 1)


def _check_rate(rate: float) -> None:
    if not 0 < rate < np.inf:
        raise ConfigError(f"a roll has a positive number of frames a second, got {rate}")


def _empty(last: NDArray[np.int64], frames: int | None) -> NDArray[np.uint8]:
    if frames is None:
        frames = int(last.max(initial=0))
    if frames < 0:
        raise ConfigError(f"a roll has at least 0 frames, got {frames}")
    return np.zeros((frames, PITCHES), dtype=np.uint8)
