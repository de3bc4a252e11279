"""What an evaluation found: everything that its report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from torch import Tensor

from typica.evaluation.bits import Bits
from typica.evaluation.code_use import CodeUse
from typica.evaluation.curves import Curve, Curves
from typica.evaluation.health import Health, examine, mean_health, spectral_distance_db
from typica.evaluation.pricing import Likelihood
from typica.evaluation.verdict import Evidence, Verdict, judge


class Clip(NamedTuple):
    """Audio to listen to.

    Attributes:
        name: What it is, as in "Sample 1".
        audio: Shape (channels, time).
        health: Its measures.
    """

    name: str
    audio: Tensor
    health: Health


@dataclass(frozen=True)
class Findings:
    """What an evaluation found.

    Attributes:
        name: The run's.
        rate: Sampling rate in hertz.
        split: Which recordings are held out: "test" or "valid".
        likelihood: Bits a sample.
        curves: The course of training.
        samples: What the model draws.
        recordings: Excerpts of held-out recordings, as coarse as the model hears them.
        early: Samples that were drawn in the course of training.
        facts: What was done, by what it tells.
        commands: How to go on: commands, by what they do.
        notes: What a reader must know beside.
        codes: How a discrete autoencoder uses its codes; None for other models.
    """

    name: str
    rate: int
    split: str
    likelihood: Likelihood
    curves: Curves
    samples: Sequence[Clip]
    recordings: Sequence[Clip]
    early: Sequence[Clip] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    codes: CodeUse | None = None

    @cached_property
    def health(self) -> Health:
        """Mean measures of the samples."""
        return mean_health([clip.health for clip in self.samples])

    @cached_property
    def expected_health(self) -> Health:
        """Mean measures of the held-out excerpts."""
        return mean_health([clip.health for clip in self.recordings])

    @cached_property
    def distance_db(self) -> float | None:
        """Spectral distance of the samples to the held-out excerpts."""
        one, other = ([clip.audio for clip in clips] for clips in (self.samples, self.recordings))
        return spectral_distance_db(one, other, self.rate)

    @cached_property
    def expected_distance_db(self) -> float | None:
        """Spectral distance between two halves of the held-out excerpts."""
        clips = [clip.audio for clip in self.recordings]
        if len(clips) == 1:
            clips = list(clips[0].tensor_split(2, -1))
        return spectral_distance_db(clips[::2], clips[1::2], self.rate)

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict on the run."""
        model = self.likelihood.model
        return judge(
            Evidence(
                bits=model.mean.value if model else None,
                baselines={one.name: one.mean.value for one in self.likelihood.baselines},
                gap=self.likelihood.gap,
                curve=self.curves.valid,
                tails=[examine(_tail(clip.audio), self.rate) for clip in self.samples],
                recordings=self.expected_health,
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the sound, ready for a JSON file."""
        likelihood = self.likelihood
        return {
            "run": self.name,
            "verdict": self.verdict._asdict(),
            "base_measure": likelihood.model.measure if likelihood.model else None,
            "density": likelihood.density if likelihood.model else None,
            "split": self.split,
            "bits_per_sample": _priced(likelihood.model) if likelihood.model else None,
            "baselines": [_priced(one) for one in likelihood.baselines],
            "saved_bits": {n: mean._asdict() for n, mean in likelihood.advantages().items()},
            "other_base_measures": [_priced(one) for one in likelihood.apart],
            "generalisation_gap": likelihood.gap._asdict() if likelihood.gap else None,
            "codes": self.codes._asdict() | {"worth": self.codes.worth} if self.codes else None,
            "health": {
                "samples": asdict(self.health) | {"spectral_distance_db": self.distance_db},
                "recordings": asdict(self.expected_health)
                | {"spectral_distance_db": self.expected_distance_db},
                "each_sample": {clip.name: asdict(clip.health) for clip in self.samples},
            },
            "curves": {
                "train": smooth(self.curves.train)._asdict(),
                "valid": self.curves.valid._asdict(),
            },
            "facts": dict(self.facts),
            "commands": dict(self.commands),
            "notes": [*likelihood.notes, *self.notes],
        }


def clips(name: str, audio: Sequence[Tensor], rate: int) -> list[Clip]:
    """Measure audio, each (channels, time), and number it."""
    return [Clip(f"{name} {i + 1}", one, examine(one, rate)) for i, one in enumerate(audio)]


def smooth(curve: Curve, points: int = 200) -> Curve:
    """Return a curve as the means of at most `points` stretches of it."""
    size = max(1, math.ceil(len(curve.steps) / points))
    pieces = [slice(start, start + size) for start in range(0, len(curve.steps), size)]
    means = [sum(curve.bits[piece]) / len(curve.bits[piece]) for piece in pieces]
    return Curve([curve.steps[piece][-1] for piece in pieces], means)


def _tail(audio: Tensor) -> Tensor:
    return audio[..., audio.shape[-1] // 2 :]


def _priced(bits: Bits) -> dict[str, Any]:
    return {
        "name": bits.name,
        "base_measure": bits.measure,
        "bits": bits.mean.value,
        "standard_error": bits.mean.error,
        "recordings": bits.by_recording(),
    }
