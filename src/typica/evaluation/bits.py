"""Bits a sample of recordings, with their standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Mean(NamedTuple):
    """A mean and its standard error, None where a single unit tells of none."""

    value: float
    error: float | None


@dataclass(frozen=True)
class Bits:
    """What something pays for stretches of recordings.

    Attributes:
        name: Whose price it is, as in "unigram".
        measure: The base measure, as in "8-bit mu-law levels": only bits of one measure compare.
        recordings: The recording that each stretch is of.
        samples: Samples of each stretch.
        bits: Bits of each stretch.
    """

    name: str
    measure: str
    recordings: list[str] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)

    def add(self, recording: str, samples: int, bits: float) -> None:
        """Note what one more stretch costs."""
        self.recordings.append(recording)
        self.samples.append(samples)
        self.bits.append(bits)

    @property
    def mean(self) -> Mean:
        """Bits a sample, over all samples."""
        return _ratio(self.bits, self.samples, self.recordings)

    def by_recording(self) -> dict[str, float]:
        """Bits a sample of each recording."""
        totals: dict[str, tuple[float, int]] = {}
        for name, samples, bits in zip(self.recordings, self.samples, self.bits, strict=True):
            bits_before, samples_before = totals.get(name, (0.0, 0))
            totals[name] = (bits_before + bits, samples_before + samples)
        return {name: bits / samples for name, (bits, samples) in totals.items()}


def advantage(one: Bits, other: Bits) -> Mean:
    """Return how many bits a sample `one` saves against `other` on the same stretches.

    The error is that of the paired difference, often far smaller than either's own: what is
    hard for one is hard for the other.
    """
    assert (one.measure, one.samples) == (other.measure, other.samples)
    saved = [theirs - ours for ours, theirs in zip(one.bits, other.bits, strict=True)]
    return _ratio(saved, one.samples, one.recordings)


def _ratio(bits: Sequence[float], samples: Sequence[int], units: Sequence[str]) -> Mean:
    """Return the ratio of sums, with the standard error of a ratio estimator.

    Units are recordings, for their stretches are alike; stretches where there is only one
    recording. Source: Cochran 1977, "Sampling techniques", equation 6.13.
    """
    names = units if len(set(units)) > 1 else [str(number) for number in range(len(bits))]
    _, unit = np.unique(names, return_inverse=True)
    numerator, denominator = np.bincount(unit, bits), np.bincount(unit, samples)
    value = float(numerator.sum() / denominator.sum())
    count = len(numerator)
    if count < 2:
        return Mean(value, None)
    spread = np.square(numerator - value * denominator).sum() * count / (count - 1)
    return Mean(value, math.sqrt(spread) / float(denominator.sum()))
