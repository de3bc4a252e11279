"""From the sounds of a recording to the 16-bit samples that a corpus keeps of it.

Preparing a corpus and reading one file both go this way, so that both hold the same levels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from typica.core.errors import DataError
from typica.signal.resample import resample_blocks

PEAK = 0.99
FULL_SCALE = 1 << 15
QUIETEST = 2**-12  # -72 dB: what never swings further is called silent
SLOWEST, FASTEST = 1000, 768_000  # hertz: a file that claims another rate is broken


class Extent(NamedTuple):
    """Of one recording: its samples, and the range of their amplitudes."""

    length: int = 0
    low: float = math.inf
    high: float = -math.inf

    def with_block(self, block: np.ndarray) -> Extent:
        """Return the extent of a recording that goes on with a block, (time,), not empty."""
        # Unlike `min`, these keep a value that is not a number.
        low, high = np.minimum(self.low, block.min()), np.maximum(self.high, block.max())
        return Extent(self.length + len(block), float(low), float(high))

    def check(self, least: float, rate: int) -> None:
        """Refuse a recording that is of no use.

        Args:
            least: Samples below which it is too short.
            rate: Hertz.

        Raises:
            DataError: It is too short, holds a value that is no number, or is silent.
        """
        self.check_sound(least, rate)
        if self.silent:
            raise DataError("silent")

    def check_sound(self, least: float, rate: int) -> None:
        """Refuse a recording that cannot be scored; silence can.

        Raises:
            DataError: It is too short, or holds a value that is no number.
        """
        if self.length < max(1, least):
            seconds = self.length / rate
            raise DataError(f"too short: {seconds:.3g} s, less than {least / rate:g} s")
        if not math.isfinite(self.high - self.low):
            raise DataError("holds values that are not finite numbers")

    @property
    def silent(self) -> bool:
        """Whether it never swings further than 72 dB below full scale."""
        return self.high - self.low < 2 * QUIETEST

    def gain(self, normalise: str) -> float:
        """Return what its amplitudes are multiplied by: to a peak of 0.99, or by one."""
        return PEAK / max(-self.low, self.high) if normalise == "peak" else 1.0


def mono_blocks(blocks: Iterable[np.ndarray], rate: int, to: int) -> Iterator[np.ndarray]:
    """Yield float32 blocks (frames, channels) at `rate` as blocks (time,) at `to` hertz.

    Channels are mixed in equal parts. No block is empty.

    Raises:
        DataError: The file claims a rate that is none, or cannot be read.
    """
    check_rate(rate)
    for block in resample_blocks(_mono(blocks), rate, to):
        if len(block):
            yield block


def check_rate(rate: int) -> None:
    """Refuse a sampling rate that no recording has.

    Raises:
        DataError: It is none; the message is the reason alone.
    """
    if not SLOWEST <= rate <= FASTEST:
        raise DataError(f"broken sound file: it claims {rate} samples a second")


def to_codes(audio: np.ndarray, gain: float) -> np.ndarray:
    """Return float32 audio, times a gain, as 16-bit samples."""
    scaled = audio * np.float32(gain * FULL_SCALE)
    return np.clip(np.rint(scaled), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")


def _mono(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    try:
        for block in blocks:
            channels = block.shape[1]
            # A product is 25 times as fast as a mean over so short an axis.
            yield block @ np.full(channels, 1 / channels, np.float32)
    except OSError as error:  # of reading; in writing it would mean a full disk
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
