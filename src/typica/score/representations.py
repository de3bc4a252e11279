"""The representations of scores, by name: how each is made of a performance, and undone.

One is arrays with names; with the settings of its dataclass they are all that is needed to go back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError
from typica.score.controls import Control, Controls, Performance
from typica.score.events import EventCodec
from typica.score.multitrack import MultitrackCodec
from typica.score.notes import Note, Notes
from typica.score.pedal import sustained
from typica.score.roll import onset_roll, piano_roll, roll_notes, velocity_roll

Arrays = Mapping[str, NDArray]

NO_CONTROLS = Controls.of([])


class ScoreRepresentation(ABC):
    """A map from performances to arrays, and back.

    Attributes:
        kind: What it is called where it is asked for by name.
        lost: What it does not tell of the voices of a performance; empty where it tells all.
        keeps_controls: Whether it keeps pedals and other controls; else sustain pedals are told by
            longer notes, and others not at all.
    """

    kind: ClassVar[str]
    lost: ClassVar[str] = ""
    keeps_controls: ClassVar[bool] = False

    @abstractmethod
    def encode(self, performance: Performance) -> dict[str, NDArray]:
        """Return the arrays of a performance."""

    @abstractmethod
    def decode(self, arrays: Arrays) -> Performance:
        """Return the performance of arrays."""

    @property
    @abstractmethod
    def step_s(self) -> float:
        """To what times are rounded, in seconds; 0 where they are not."""


@dataclass(frozen=True)
class Columns(ScoreRepresentation):
    """Notes and control changes as columns, as of `Notes` and `Controls`: nothing is rounded."""

    kind: ClassVar[str] = "notes"
    keeps_controls: ClassVar[bool] = True

    def encode(self, performance: Performance) -> dict[str, NDArray]:
        """See `ScoreRepresentation.encode`."""
        notes, controls = performance
        columns = {name: getattr(notes, name) for name in Note._fields}
        return columns | {f"control_{name}": getattr(controls, name) for name in Control._fields}

    def decode(self, arrays: Arrays) -> Performance:
        """See `ScoreRepresentation.decode`."""
        notes = Notes(**{name: arrays[name] for name in Note._fields})
        controls = {name: arrays[f"control_{name}"] for name in Control._fields}
        return Performance(notes, Controls(**controls))

    @property
    def step_s(self) -> float:
        """See `ScoreRepresentation.step_s`."""
        return 0.0


@dataclass(frozen=True)
class Roll(ScoreRepresentation):
    """Piano rolls of what is struck, what sounds, and how hard, frame by frame, (frames, 128)."""

    kind: ClassVar[str] = "roll"
    lost: ClassVar[str] = "channels and instruments"

    frames_per_s: float = 100.0

    def __post_init__(self) -> None:
        _check_frames(self.frames_per_s)

    def encode(self, performance: Performance) -> dict[str, NDArray]:
        """See `ScoreRepresentation.encode`."""
        notes, rate = sustained(performance), self.frames_per_s
        velocities = np.rint(velocity_roll(notes, rate) * 127).astype(np.uint8)
        return {
            "onsets": onset_roll(notes, rate),
            "sounding": piano_roll(notes, rate),
            "velocities": velocities,
        }

    def decode(self, arrays: Arrays) -> Performance:
        """See `ScoreRepresentation.decode`."""
        velocity = arrays["velocities"] / np.float32(127)
        notes = roll_notes(
            arrays["onsets"], arrays["sounding"], self.frames_per_s, velocity=velocity
        )
        return Performance(notes, NO_CONTROLS)

    @property
    def step_s(self) -> float:
        """See `ScoreRepresentation.step_s`."""
        return 1 / self.frames_per_s


@dataclass(frozen=True)
class Events(ScoreRepresentation):
    """Performance events of 388 kinds at 100 steps a second, 413 at 125."""

    kind: ClassVar[str] = "events"
    lost: ClassVar[str] = "channels and instruments"

    steps_per_s: int = 100

    def __post_init__(self) -> None:
        _check_frames(self.steps_per_s)

    @property
    def codec(self) -> EventCodec:
        """Its vocabulary: the longest shift is a second."""
        return EventCodec(steps_per_s=self.steps_per_s, longest=self.steps_per_s)

    def encode(self, performance: Performance) -> dict[str, NDArray]:
        """See `ScoreRepresentation.encode`."""
        codec = self.codec
        events = codec.encode(sustained(performance))
        return {"events": events.astype(np.int16), "names": np.array(codec.names)}

    def decode(self, arrays: Arrays) -> Performance:
        """See `ScoreRepresentation.decode`."""
        return Performance(self.codec.decode(arrays["events"]), NO_CONTROLS)

    @property
    def step_s(self) -> float:
        """See `ScoreRepresentation.step_s`."""
        return 1 / self.steps_per_s


@dataclass(frozen=True)
class Multitrack(ScoreRepresentation):
    """Tokens that join instrument, volume and pitch, as of `typica.score.multitrack`."""

    kind: ClassVar[str] = "multitrack"
    lost: ClassVar[str] = "channels, and which instrument of its family plays"

    steps_per_s: int = 24

    def __post_init__(self) -> None:
        _check_frames(self.steps_per_s)

    @property
    def codec(self) -> MultitrackCodec:
        """Its vocabulary: six families of instruments, eight volumes."""
        return MultitrackCodec(steps_per_s=self.steps_per_s)

    def encode(self, performance: Performance) -> dict[str, NDArray]:
        """See `ScoreRepresentation.encode`."""
        codec = self.codec
        tokens = codec.encode(sustained(performance))
        return {"tokens": tokens.astype(np.int32), "names": np.array(codec.names)}

    def decode(self, arrays: Arrays) -> Performance:
        """See `ScoreRepresentation.decode`."""
        return Performance(self.codec.decode(arrays["tokens"]), NO_CONTROLS)

    @property
    def step_s(self) -> float:
        """See `ScoreRepresentation.step_s`."""
        return 1 / self.steps_per_s


REPRESENTATIONS: Mapping[str, type[ScoreRepresentation]] = {
    one.kind: one for one in (Columns, Roll, Events, Multitrack)
}
"""All of them by name."""


def _check_frames(per_s: float) -> None:
    if not 1 <= per_s <= 10_000:
        raise ConfigError(f"1 to 10000 frames or steps a second are possible; got {per_s:g}")
