"""Notes of one voice from its pitch, frame by frame: where it changes, and where it is struck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ShapeError
from typica.score.notes import Note, Notes

_MIDDLE = 2  # frames to either side that a median smooths over


@dataclass(frozen=True)
class Segmentation:
    """How a pitch track is cut into notes.

    Attributes:
        shortest_s: What is shorter is no note: it is left out.
        rise_db: By how much the level rises within `attack_s` where a note is struck again.
        attack_s: See `rise_db`.
        fall_db: How far under the loudest moment of the recording there is silence.
        late_s: By how much beginnings and ends are heard late, while the note before rings on and
            the new one still swells: they are moved back by it.
    """

    shortest_s: float = 0.06
    rise_db: float = 4.0
    attack_s: float = 0.03
    fall_db: float = 50.0
    late_s: float = 0.032

    def notes(
        self,
        frequency: NDArray[np.float32],
        voiced: NDArray[np.bool_],
        level_db: NDArray[np.float32],
        frame_s: float,
    ) -> Notes:
        """Cut a pitch track into notes of equal temperament at 440 hertz.

        A note is a run of voiced frames whose pitch, smoothed by a median of five frames, is
        nearest to one semitone; the run is cut where the level rises as it does when struck. What
        is too short for a note and begins with a strike belongs to the note after it. Velocity 127
        is that of the loudest note, and one less for each half decibel below it.

        Args:
            frequency: Fundamental in hertz of each frame, above 0 where it is voiced.
            voiced: Which frames have a pitch.
            level_db: Level of each frame, in decibels.
            frame_s: From one frame to the next, in seconds.

        Returns:
            Notes in order of onset, on channel 0; none overlap.

        Raises:
            ShapeError: The three are not of one length.
        """
        if not frequency.shape == voiced.shape == level_db.shape or frequency.ndim != 1:
            shapes = [frequency.shape, voiced.shape, level_db.shape]
            raise ShapeError(f"a pitch track has as many of each, in a row; got {shapes}")
        if not len(level_db):
            return Notes.of([])
        loudest_db = level_db.max()
        pitch = _semitones(frequency, voiced & (level_db > loudest_db - self.fall_db))
        struck = self._struck(level_db, frame_s)
        rows, strike = [], -1
        for first, last in _runs(pitch, struck):
            if (last - first) * frame_s < self.shortest_s:
                strike = first if struck[first] and strike < 0 else strike
                continue
            if pitch[first] >= 0:
                begin = first if strike < 0 else strike
                onset_s, offset_s = (max(0.0, at * frame_s - self.late_s) for at in (begin, last))
                below_db = loudest_db - level_db[first:last].max()
                velocity = int(np.clip(np.rint(127 - 2 * below_db), 1, 127))
                rows.append(Note(int(pitch[first]), onset_s, offset_s, velocity))
            strike = -1
        return Notes.of(rows)

    def _struck(self, level_db: NDArray[np.float32], frame_s: float) -> NDArray[np.bool_]:
        """Mark the frames where the level has risen most steeply, by enough to be a strike."""
        span = max(1, round(self.attack_s / frame_s))
        rise = level_db - np.concatenate([level_db[:1].repeat(span), level_db])[: len(level_db)]
        padded = np.pad(rise, span, constant_values=-np.inf)
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * span + 1)
        # Of a rise's frames the first of its highest alone: argmax takes the first.
        return (rise >= self.rise_db) & (around.argmax(-1) == span)


def _semitones(frequency: NDArray[np.float32], sounds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the nearest MIDI pitch of each frame after smoothing; -1 where none sounds."""
    exact = np.full(len(frequency), np.nan)
    exact[sounds] = 69 + 12 * np.log2(frequency[sounds] / 440)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(exact, _MIDDLE, constant_values=np.nan), 2 * _MIDDLE + 1
    )
    pitch = np.full(len(frequency), -1)
    pitch[sounds] = np.rint(np.nanmedian(windows[sounds], axis=-1)).astype(np.int64)
    return np.clip(pitch, -1, 127)


def _runs(pitch: NDArray[np.int64], struck: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last, exclusively, of the stretches between changes and strikes."""
    cuts = np.flatnonzero((np.diff(pitch, prepend=-2) != 0) | struck)
    return list(zip(cuts.tolist(), [*cuts[1:].tolist(), len(pitch)], strict=True))
