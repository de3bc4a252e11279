"""Where the monitor looks: frames of spectra, ticks at which it judges, windows and lags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from typica.core.errors import ConfigError

WINDOWS_S = (0.25, 1.0, 4.0, 16.0)
FRAME_S = 0.032  # from one spectrum to the next, about: samples are a power of two
FRAMES_A_TICK = 4
BANDS = 40
LAGS_S = (0.05, 4.0)  # of loops; the shortest is a few periods of the lowest tones


@dataclass(frozen=True)
class Grid:
    """All sizes in samples, frames and ticks that follow from a sampling rate.

    Attributes:
        rate: Hertz.
        windows_s: Seconds of the windows, rising.
    """

    rate: int
    windows_s: tuple[float, ...] = WINDOWS_S

    def __post_init__(self) -> None:
        rising = list(self.windows_s) == sorted(set(self.windows_s))
        if (
            not self.windows_s
            or not rising
            or not 0 < self.windows_s[0] <= self.windows_s[-1] < math.inf
        ):
            raise ConfigError(f"windows must be lengths in rising order, got {self.windows_s}")
        if self.rate < 1000:
            raise ConfigError(f"the monitor needs at least 1,000 Hz, got {self.rate}")

    @cached_property
    def hop(self) -> int:
        """Samples from one spectrum to the next."""
        return 1 << round(math.log2(FRAME_S * self.rate))

    @property
    def frame(self) -> int:
        """Samples that a spectrum looks at."""
        return 2 * self.hop

    @cached_property
    def tick(self) -> int:
        """Samples from one judgement to the next."""
        return FRAMES_A_TICK * self.hop

    @cached_property
    def tick_s(self) -> float:
        """The same in seconds."""
        return self.tick / self.rate

    @cached_property
    def ticks(self) -> tuple[int, ...]:
        """Ticks of each window."""
        return tuple(max(1, round(size / self.tick_s)) for size in self.windows_s)

    @cached_property
    def lags(self) -> range:
        """Lags in frames at which a sound is compared with itself."""
        shortest, longest = (round(lag * self.rate / self.hop) for lag in LAGS_S)
        return range(max(1, shortest), longest + 1)

    def lag_s(self, index: int) -> float:
        """Return the seconds of a lag by its place among them."""
        return self.lags[index] * self.hop / self.rate


def seconds(windows: Sequence[float]) -> str:
    """Return lengths in words, as in "0.25, 1 and 4 s"."""
    words = [f"{length:g}" for length in windows]
    return f"{', '.join(words[:-1])} and {words[-1]} s" if words[1:] else f"{words[0]} s"
