"""Performances as events: keys struck and released, time that passes, how hard keys are struck.

Sources: Oore et al. 2018, https://arxiv.org/abs/1808.03715 (413 events, steps of 8 ms), and Huang
et al. 2018, https://arxiv.org/abs/1809.04281 (388 events, steps of 10 ms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.score.notes import Notes
from typica.score.pairing import (
    Keystrokes,
    keystrokes,
    sounding,
    spread,
    to_steps,
    waits_of,
    whole_numbers,
)

_LONGEST_S = 5.0
_VELOCITY = 80


@dataclass(frozen=True)
class EventCodec:
    """Notes to events and back: a vocabulary and its clock.

    Numbers of events stand in blocks: `reserved` numbers for the user, NOTE_ON, NOTE_OFF,
    TIME_SHIFT, VELOCITY. At one step releases come before strikes, each from the lowest pitch to
    the highest (magenta orders releases by their notes instead). A velocity is told where it
    changes, before a strike. Programs, channels and pedals are not told: let notes ring on first
    (`typica.score.pedal.sustained`).

    Attributes:
        steps_per_s: Steps of time a second: 100 are 10 ms each.
        longest: The longest shift of one event, in steps.
        velocities: Bins of velocity; 0 leaves velocities out.
        lowest: The lowest pitch that can be told.
        highest: The highest.
        reserved: Numbers kept free before the first event, as for padding and the end.
    """

    steps_per_s: int = 100
    longest: int = 100
    velocities: int = 32
    lowest: int = 0
    highest: int = 127
    reserved: int = 0

    def __post_init__(self) -> None:
        if self.steps_per_s < 1 or self.longest < 1 or self.reserved < 0:
            raise ConfigError(f"steps and shifts must be at least 1, got {self}")
        if not 0 <= self.lowest <= self.highest <= 127 or not 0 <= self.velocities <= 127:
            raise ConfigError(f"pitches and velocities must lie in [0, 127], got {self}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def pitches(self) -> int:
        """How many pitches can be told."""
        return self.highest - self.lowest + 1

    @property
    def _first_shift(self) -> int:
        return self.reserved + 2 * self.pitches

    @property
    def _first_velocity(self) -> int:
        return self._first_shift + self.longest

    @property
    def _bin(self) -> int:
        return -(-127 // self.velocities)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each number, such as "NOTE_ON 60"."""
        pitches = range(self.lowest, self.highest + 1)
        return (
            *(f"RESERVED {number}" for number in range(self.reserved)),
            *(f"NOTE_ON {pitch}" for pitch in pitches),
            *(f"NOTE_OFF {pitch}" for pitch in pitches),
            *(f"TIME_SHIFT {steps}" for steps in range(1, self.longest + 1)),
            *(f"VELOCITY {number}" for number in range(1, self.velocities + 1)),
        )

    def numbers(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each name.

        Raises:
            DataError: One is no event of this codec.
        """
        known = {name: number for number, name in enumerate(self.names)}
        for name in names:
            if name not in known:
                raise DataError(f"there is no event {name!r}: {did_you_mean(name, known)}")
        return np.array([known[name] for name in names], dtype=np.int64)

    def steps(self, time_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the nearest step of each time; of two as near, the later."""
        return to_steps(time_s, self.steps_per_s)

    def encode(self, notes: Notes) -> NDArray[np.int64]:
        """Return the events of notes.

        Onsets move by half a step at most, offsets by one: a note lasts at least one step.

        Raises:
            DataError: A pitch is out of this codec's range.
        """
        pitch = notes.pitch.astype(np.int64)
        if np.any((pitch < self.lowest) | (pitch > self.highest)):
            raise DataError(f"these events tell pitches from {self.lowest} to {self.highest} alone")
        level = (notes.velocity.astype(np.int64) - 1) // self._bin if self.velocities else 0 * pitch
        return self._write(keystrokes(notes, self.steps_per_s, pitch, level))

    def _write(self, told: Keystrokes) -> NDArray[np.int64]:
        changes = np.zeros(len(told.step), bool)
        if self.velocities:
            changes[told.strikes] = np.diff(told.level[told.strikes], prepend=-1) != 0
        waits, own, stop = spread(told.step, 1 + changes, self.longest)
        events = self._first_shift + waits - 1
        events[own[changes]] = self._first_velocity + told.level[changes]
        block = np.where(told.strikes, 0, self.pitches)
        events[stop - 1] = self.reserved + block + told.key - self.lowest
        return events

    def decode(self, events: ArrayLike, *, longest_s: float = _LONGEST_S) -> Notes:
        """Return the notes of any events, in order of onset: no order of them is refused.

        Of several open strikes of a pitch a release ends the first. Releases without a strike and
        notes without length are left out. A strike without release ends with the events, or
        `longest_s` after it where that is earlier. Velocities are the lower edges of their bins,
        and 80 before the first is told.

        Raises:
            DataError: A number is none of this vocabulary.
        """
        events = self._checked(events)
        step = np.cumsum(self._waits(events))
        number = events - self.reserved
        keys = np.flatnonzero((number >= 0) & (number < 2 * self.pitches))
        strike, stop = sounding(
            step,
            keys,
            number[keys] % self.pitches,
            number[keys] < self.pitches,
            round(longest_s * self.steps_per_s),
        )
        columns = {name: np.zeros(len(strike), np.uint8) for name in ("channel", "program")}
        return Notes(
            pitch=(number[strike] + self.lowest).astype(np.uint8),
            onset_s=step[strike] / self.steps_per_s,
            offset_s=stop / self.steps_per_s,
            velocity=self._velocities(events)[strike].astype(np.uint8),
            **columns,
        ).in_order()

    def duration_s(self, events: ArrayLike) -> float:
        """Return how much time passes in events, in seconds."""
        return float(self._waits(self._checked(events)).sum()) / self.steps_per_s

    def transposed(self, events: ArrayLike, semitones: int) -> NDArray[np.int64]:
        """Return events with all pitches moved.

        Raises:
            DataError: A pitch would leave the range: nothing is wrapped around.
        """
        events = self._checked(events)
        number = events - self.reserved
        keys = (number >= 0) & (number < 2 * self.pitches)
        pitch = number[keys] % self.pitches + semitones
        if np.any((pitch < 0) | (pitch >= self.pitches)):
            raise DataError(f"{semitones} semitones move a pitch out of the range of these events")
        return events + np.where(keys, semitones, 0)

    def _checked(self, events: ArrayLike) -> NDArray[np.int64]:
        return whole_numbers(events, len(self), "events")

    def _waits(self, events: NDArray[np.int64]) -> NDArray[np.int64]:
        return waits_of(events, self._first_shift, self.longest)

    def _velocities(self, events: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the velocity that holds at each event."""
        told = events >= self._first_velocity
        last = np.maximum.accumulate(np.where(told, np.arange(len(events)), -1))
        if not self.velocities:
            return np.full(len(events), _VELOCITY)
        edges = 1 + (events - self._first_velocity) * self._bin
        return np.where(last >= 0, np.minimum(edges[last], 127), _VELOCITY)


PERFORMANCE_413 = EventCodec(steps_per_s=125, longest=125)
"""Performance RNN's: steps of 8 ms."""
PERFORMANCE_388 = EventCodec()
"""Magenta's and Music Transformer's: steps of 10 ms."""
PERFORMANCE_356 = EventCodec(velocities=0)
"""The same without dynamics."""
PIANO_308 = EventCodec(lowest=21, highest=108)
"""The same for the 88 keys of a piano."""
