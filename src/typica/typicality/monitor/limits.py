"""Where each gauge stands, and how far it may go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


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

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self._asdict()

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from plain values.

        Raises:
            ValueError: One of them is no finite number.
        """
        ends = (None if plain[end] is None else finite(plain[end]) for end in ("low", "high"))
        return cls(finite(plain["usual"]), *ends)


def finite(value: Any) -> float:
    """Return a number of a file as a float.

    Raises:
        ValueError: It is none, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


class Scales:
    """Limits side by side, by which the values of all gauges are judged at once."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.usual = np.array([limit.usual for limit in limits])
        self._low = np.array([-math.inf if one.low is None else one.low for one in limits])
        self._high = np.array([math.inf if one.high is None else one.high for one in limits])

    def strains(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far values (..., gauges) have gone to the limit on their side.

        0 is usual and 1 the limit; it is 0 where there is no limit, and NaN where no value.
        """
        way = values - self.usual
        return way / np.where(way >= 0, self._high - self.usual, self._low - self.usual)
