"""The sustain pedal: notes that ring on while it is down.

Source: Hawthorne et al. 2018, https://arxiv.org/abs/1710.11153, and Huang et al. 2018,
https://arxiv.org/abs/1809.04281, appendix A.2: a pedal is down from the value 64 on.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.score.controls import SUSTAIN, Controls, Performance
from typica.score.notes import DRUM_CHANNEL, Notes

DOWN = 64


def sustained(performance: Performance) -> Notes:
    """Return the notes as they sound, each until its key and the pedal are released.

    A note ends earlier where its pitch is struck again while the pedal is down; of two that are
    struck together then, the later row is kept. Where a pedal is never released, notes end with
    the last event of the piece. Pedals act on their own channel; drums have none. At one instant
    pedals come before keys, and a pedal pressed just as a key is released holds the note.

    Args:
        performance: With times that are not rounded to frames or steps: rounding comes after.

    Returns:
        The notes, in order of onset, then pitch, then channel.
    """
    notes, controls = performance.notes.in_order(), performance.controls
    last_s = max(notes.duration_s, float(controls.time_s.max(initial=0.0)))
    offset_s = notes.offset_s.copy()
    for channel in set(controls.only(SUSTAIN).channel.tolist()) - {DRUM_CHANNEL}:
        pedal = _pedal(controls.only(SUSTAIN, channel), last_s)
        rows = np.flatnonzero(notes.channel == channel)
        offset_s[rows] = _ends(notes.pitch[rows], notes.onset_s[rows], offset_s[rows], pedal)
    kept = offset_s > notes.onset_s
    notes = replace(notes, offset_s=np.where(kept, offset_s, notes.offset_s))
    return Notes(**{field.name: getattr(notes, field.name)[kept] for field in fields(notes)})


class _Pedal(NamedTuple):
    """A pedal's movements; before the first of them it is up."""

    time_s: NDArray[np.float64]
    is_down: NDArray[np.bool_]
    released_s: NDArray[np.float64]  # when it is next up, seen from each movement

    def last_before(self, time_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the last movement up to each time, that instant included."""
        return np.searchsorted(self.time_s, time_s, side="right") - 1


def _pedal(changes: Controls, last_s: float) -> _Pedal:
    down = changes.value >= DOWN
    # At one instant presses come first: then a release at that instant ends them.
    order = np.lexsort((~down, changes.time_s))
    time_s = np.concatenate([[-np.inf], changes.time_s[order]])
    down = np.concatenate([[False], down[order]])
    up_s = np.where(down, last_s, time_s)
    return _Pedal(time_s, down, np.minimum.accumulate(up_s[::-1])[::-1])


def _ends(
    pitch: NDArray[np.uint8],
    onset_s: NDArray[np.float64],
    offset_s: NDArray[np.float64],
    pedal: _Pedal,
) -> NDArray[np.float64]:
    """Return when the notes of a channel, in order of onset, end."""
    at_release = pedal.last_before(offset_s)
    silent_s = np.where(pedal.is_down[at_release], pedal.released_s[at_release], offset_s)
    strikes = pedal.is_down[pedal.last_before(onset_s)]
    again_s = np.full(len(pitch), np.inf)
    for one in set(pitch.tolist()):
        rows = np.flatnonzero(pitch == one)
        again_s[rows] = _next_strike(onset_s[rows], strikes[rows])
    return np.minimum(silent_s, again_s)


def _next_strike(onset_s: NDArray[np.float64], strikes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the onset of the next row that was struck under the pedal; infinite if none is."""
    when = np.append(np.where(strikes, onset_s, np.inf)[1:], np.inf)
    return np.minimum.accumulate(when[::-1])[::-1]
