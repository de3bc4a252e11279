"""Voices on a grid of equal steps, one pitch a voice and step, as Bach's chorales are given.

A grid cannot tell a note held from one struck again. Sources of the form: the JSB chorales of
Boulanger-Lewandowski et al. 2012, https://arxiv.org/abs/1206.6392 (a step a quarter), and of Huang
et al. 2017 (Coconet), https://arxiv.org/abs/1903.07227 (four steps a quarter).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import ConfigError, DataError
from typica.score.notes import DRUM_CHANNEL, Notes
from typica.score.pairing import whole_numbers

SILENCE = -1
"""Stands in a grid where a voice does not sound."""

# Of a step: what a time that stands for a whole number of them may have lost.
_ROUNDING = 1e-6
_VELOCITY = 80


def to_grid(
    notes: Notes, *, quarters_per_minute: float, steps_per_quarter: int = 4, voices: int = 4
) -> NDArray[np.int64]:
    """Return what each voice sounds at the beginning of each step.

    Channels are voices, the lowest number first. Of several notes of a voice that sound there, the
    one struck last is taken, and of those struck together the highest.

    Returns:
        MIDI pitches, -1 for silence, shape (steps, voices).

    Raises:
        ConfigError: Tempo or steps are not positive.
        DataError: There are more channels than voices.
    """
    channels = sorted(set(notes.channel.tolist()))
    if len(channels) > voices:
        raise DataError(f"the notes stand in {len(channels)} channels, and the grid has {voices}")
    rate = 1 / _step_s(quarters_per_minute, steps_per_quarter)
    ordered = notes.in_order()
    # A step is sounded if its beginning lies in [onset, offset).
    first = np.ceil(ordered.onset_s * rate - _ROUNDING).astype(np.int64)
    last = np.ceil(ordered.offset_s * rate - _ROUNDING).astype(np.int64)
    grid = np.full((int(last.max(initial=0)), voices), SILENCE, np.int64)
    voice = np.searchsorted(channels, ordered.channel)
    for row in range(len(ordered)):
        grid[first[row] : last[row], voice[row]] = ordered.pitch[row]
    return grid


def from_grid(grid: ArrayLike, *, quarters_per_minute: float, steps_per_quarter: int = 4) -> Notes:
    """Return the notes of a grid, a channel a voice: equal neighbours are one note.

    Raises:
        ConfigError: Tempo or steps are not positive.
        DataError: It has not the shape (steps, voices), or holds what is no pitch.
    """
    grid = _checked(grid)
    step_s = _step_s(quarters_per_minute, steps_per_quarter)
    channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    rows = []
    for number, voice in zip(channels, grid.T, strict=False):
        starts = np.flatnonzero(np.diff(voice, prepend=SILENCE - 1))
        stops = np.append(starts[1:], len(voice))
        sounds = voice[starts] != SILENCE
        rows.append((voice[starts], starts, stops, np.full(len(starts), number), sounds))
    pitch, start, stop, channel, sounds = (
        np.concatenate([np.zeros(0, np.int64), *columns]) for columns in zip(*rows, strict=True)
    )
    kept = sounds.astype(bool)
    return Notes(
        pitch=pitch[kept].astype(np.uint8),
        onset_s=start[kept] * step_s,
        offset_s=stop[kept] * step_s,
        velocity=np.full(kept.sum(), _VELOCITY, np.uint8),
        channel=channel[kept].astype(np.uint8),
        program=np.zeros(kept.sum(), np.uint8),
    ).in_order()


def grid_symbols(grid: ArrayLike, *, lowest: int = 36, highest: int = 81) -> NDArray[np.int64]:
    """Return a grid as symbols in a row: step by step, the voices from the first to the last.

    Silence is 0, the lowest pitch 1: 47 symbols for the JSB chorales.

    Raises:
        DataError: A pitch is out of range, or it is no grid.
    """
    grid = _checked(grid)
    if np.any((grid != SILENCE) & ((grid < lowest) | (grid > highest))):
        raise DataError(f"these symbols tell pitches from {lowest} to {highest} alone")
    return np.where(grid == SILENCE, 0, grid - lowest + 1).reshape(-1)


def symbols_grid(symbols: ArrayLike, *, voices: int = 4, lowest: int = 36) -> NDArray[np.int64]:
    """Return the grid of symbols, the inverse of `grid_symbols`; an unfinished step is left out.

    Raises:
        DataError: They are not whole numbers in a row, or one tells no pitch.
    """
    symbols = whole_numbers(symbols, 128 - lowest + 1, "symbols")
    symbols = symbols[: len(symbols) // voices * voices].reshape(-1, voices)
    return np.where(symbols == 0, SILENCE, symbols + lowest - 1)


def _step_s(quarters_per_minute: float, steps_per_quarter: int) -> float:
    if not (0 < quarters_per_minute < np.inf and steps_per_quarter >= 1):
        raise ConfigError(
            f"a grid needs a positive tempo and at least one step a quarter, got "
            f"quarters_per_minute={quarters_per_minute} and steps_per_quarter={steps_per_quarter}"
        )
    return 60 / quarters_per_minute / steps_per_quarter


def _checked(grid: ArrayLike) -> NDArray[np.int64]:
    grid = np.asarray(grid)
    # Silence is NaN in some published files: read as a pitch it would be wrong in silence.
    if grid.ndim != 2 or not 1 <= grid.shape[1] <= 15 or not np.all(np.isfinite(grid)):
        raise DataError(
            f"a grid has the shape (steps, voices) and -1 for silence, got {grid.shape}"
        )
    if np.any((grid < SILENCE) | (grid > 127) | (grid != np.floor(grid))):
        raise DataError("a grid holds MIDI pitches in [0, 127], and -1 for silence")
    return grid.astype(np.int64)
