"""Control changes of a performance, as columns: pedals above all, which say how long notes ring."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError
from typica.score.notes import Notes

SUSTAIN, SOSTENUTO, UNA_CORDA = 64, 66, 67
"""Numbers of the three pedals of a grand piano, from right to left."""


class Control(NamedTuple):
    """One control change; see `Controls` for the meaning of its numbers."""

    time_s: float
    value: int
    number: int = SUSTAIN
    channel: int = 0


@dataclass(frozen=True, eq=False)
class Controls:
    """The control changes of a piece, one row a change, in any order.

    Attributes:
        time_s: When each takes effect, in seconds from the beginning of the piece.
        value: What the control is set to, in [0, 127]; a pedal is down from 64 on.
        number: Which control it is, in [0, 127].
        channel: Whose control it is, in [0, 15].

    Raises:
        DataError: The columns differ in length, or a number is out of its range.
    """

    time_s: NDArray[np.float64]
    value: NDArray[np.uint8]
    number: NDArray[np.uint8]
    channel: NDArray[np.uint8]

    def __post_init__(self) -> None:
        columns = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        if len({column.shape for column in columns.values()}) > 1 or columns["value"].ndim != 1:
            raise DataError("the columns of controls must be equally long, one number a change")
        for name, highest in (("value", 127), ("number", 127), ("channel", 15)):
            column = columns[name]
            if column.size and (column.min() < 0 or column.max() > highest):
                raise DataError(f"the {name} of a control must be in [0, {highest}]")
            object.__setattr__(self, name, column.astype(np.uint8))
        time_s = columns["time_s"].astype(np.float64)
        if not (np.all(time_s >= 0) and np.all(np.isfinite(time_s))):
            raise DataError("controls must change at or after 0 s")
        object.__setattr__(self, "time_s", time_s)

    @classmethod
    def of(cls, controls: Iterable[Control]) -> Controls:
        """Gather single changes into columns, in the order they come."""
        columns = list(zip(*controls, strict=True)) or [()] * len(Control._fields)
        return cls(**dict(zip(Control._fields, map(np.array, columns), strict=True)))

    def __len__(self) -> int:
        return len(self.time_s)

    def rows(self) -> list[Control]:
        """Return the changes one by one."""
        columns = (getattr(self, name).tolist() for name in Control._fields)
        return [Control(*row) for row in zip(*columns, strict=True)]

    def only(self, number: int, channel: int | None = None) -> Controls:
        """Return the changes of one control, in the order they stand, of one channel or of all."""
        kept = self.number == number
        if channel is not None:
            kept &= self.channel == channel
        return Controls(**{field.name: getattr(self, field.name)[kept] for field in fields(self)})


class Performance(NamedTuple):
    """What was played: keys and pedals.

    Attributes:
        notes: Each ends when its key is released; `typica.score.pedal.sustained` lets it ring on.
        controls: Pedals and other controls.
    """

    notes: Notes
    controls: Controls
