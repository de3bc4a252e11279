"""Where each gauge stands, and how far it may go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

Range = tuple[float | None, float | None]


class Limit(NamedTuple):
    """The usual value of a gauge, and the last that is no alarm on either side.

    Attributes:
        usual: The median of held-out recordings; 0 for the martingale.
        low: The least value, or None where low values are not odd.
        high: The greatest value, or None where high values are not odd.
    """

    usual: float
    low: float | None
    high: float | None

    def strain(self, value: float) -> float:
        """Return how far a value has gone to the limit on its side: 0 is usual, 1 the limit."""
        limit = self.high if value >= self.usual else self.low
        if limit is None or value == self.usual:
            return 0.0
        return (value - self.usual) / (limit - self.usual)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self._asdict()

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from plain values."""
        return cls(plain["usual"], plain["low"], plain["high"])
