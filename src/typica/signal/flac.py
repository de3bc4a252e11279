"""FLAC as a measure: how many bits the coder that everyone has needs."""

from __future__ import annotations

import io
from functools import cached_property

import numpy as np

FASTEST = 655350  # hertz that FLAC can name; above 65535, multiples of 10
COMPRESSION = 1.0  # soundfile's scale: the smallest file FLAC can make


class Flac:
    """Levels, written as PCM of their own number of bits to a FLAC file of their own."""

    def __init__(self, levels: int, rate: int, name: str = "FLAC") -> None:
        self.levels, self.rate, self.name = levels, rate, name

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of the file that holds `codes[begin:]`, its header included."""
        return 8.0 * len(encode(codes[begin:], self.levels, self.rate))

    @cached_property
    def header_bits(self) -> float:
        """Bits of a file of one silent sample: they say nothing of what is written."""
        return self.bits(np.full(1, self.levels // 2), 0)


def encode(codes: np.ndarray, levels: int, rate: int) -> bytes:
    """Return a FLAC file of levels.

    FLAC has PCM of 8 and 16 bits; fewer bits are moved to its upper ones, which costs nothing,
    for FLAC leaves out low bits that are always 0.
    """
    import soundfile

    # The rate only labels the file: where FLAC cannot name it, the next below serves as well.
    label = rate if rate < 1 << 16 else min(rate - rate % 10, FASTEST)
    bits = (levels - 1).bit_length()
    file = io.BytesIO()
    samples = ((codes.astype(np.int32) - levels // 2) << (16 - bits)).astype(np.int16)
    subtype = "PCM_S8" if bits <= 8 else "PCM_16"  # of 16-bit samples, S8 takes the upper half
    soundfile.write(
        file, samples, label, format="FLAC", subtype=subtype, compression_level=COMPRESSION
    )
    return file.getvalue()
