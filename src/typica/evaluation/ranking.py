"""Which checkpoint to take: the healthiest when it plays, not the one of lowest loss.

First counts the share of the time in traps, then that in silence and loops alone, in which
nothing happens any more; then the distance of what sounds from recordings, then the loss; a model
without a density has none, and of such the later comes first. All but the last are measured on a
few streams: checkpoints among which those cannot tell a difference tie, and the next figure
decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from typica.evaluation.bits import Bits, Mean, advantage
from typica.evaluation.free_running import FreeRun

SIGNIFICANT = 0.05
DECISIVE = ("trapped", "stuck", "distance_db")  # of a stream; less is better, the first counts
PERMUTATIONS = 4999
LEAST_STREAMS = 4  # of fewer, not even all against none would be significant
TRAPPED, VISITED = 0.5, 0.02  # shares of the time
CLIPPED = 0.01  # share of the samples from which on it is told


@dataclass(frozen=True)
class Audition:
    """What was found of one checkpoint.

    Attributes:
        name: As users call it, such as "step 4,000".
        step: Of the training; None for final weights that no checkpoint has.
        path: Its folder.
        weights: SHA-256 of its weights.
        bits: What it pays for held-out stretches; None for a model without a density.
        entropy: Its mean conditional entropy along them, bits a sample.
        run: What befell it when it played.
        clips: Sound files of that, in the order of the streams.
        expected_copied: Share of held-out pieces that is in the training recordings as well; None
            where that was not looked for. It is the same for all.
    """

    name: str
    step: int | None
    path: str
    weights: str
    bits: Bits | None
    entropy: float
    run: FreeRun
    clips: Sequence[str]
    expected_copied: float | None = None

    @property
    def verdict(self) -> str:
        """A sentence on how it plays; and others where it clips or copies."""
        return " ".join([self._freedom, *self._clipping, *self._copying])

    @property
    def _freedom(self) -> str:
        share, kinds = self.run.trapped, " and ".join(list(self.run.traps)[:2])
        if share >= TRAPPED:
            return f"It is trapped for {share:.0%} of the time: {kinds}."
        if share >= VISITED:
            hour = f"{self.run.alarms_per_hour:.0f} times an hour"
            return f"It falls into traps {hour}, {share:.0%} of the time: {kinds}."
        return f"It plays freely, {share:.1%} of the time in traps."

    @property
    def _clipping(self) -> list[str]:
        share = self.run.mean("clipped") or 0.0
        return [f"It clips: {share:.1%} of the samples are at full scale."] * (share >= CLIPPED)

    @property
    def _copying(self) -> list[str]:
        longest, share = self.run.longest_copy, self.run.mean("copied")
        if longest is None or share is None:
            return []
        usual = self.expected_copied
        beside = "" if usual is None else f"; of held-out recordings, {usual:.1%} are in them too"
        return [
            f"It copies {share:.1%} of what it plays from the training recordings, up to "
            f"{longest.seconds:.1f} s at once ({longest.recording}, at {longest.at_s:.1f} s)"
            f"{beside}."
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return its figures as plain values."""
        names = ("level_db", "distance_db", "repetition", "entropy", "clipped", "copied")
        return {
            "name": self.name,
            "step": self.step,
            "path": self.path,
            "bits": None if self.bits is None else self.bits.mean._asdict(),
            "measure": None if self.bits is None else self.bits.measure,
            "trapped": self.trapped._asdict(),
            "traps": self.run.traps,
            "alarms_per_hour": self.run.alarms_per_hour,
            **{name: self.run.mean(name) for name in (*names, "silent", "flatness")},
            "held_out_entropy": self.entropy,
            "verdict": self.verdict,
            "streams": [asdict(one) for one in self.run.streams],
            "clips": list(self.clips),
        }

    @property
    def trapped(self) -> Mean:
        """Share of the time in traps, with its standard error over streams."""
        return _mean(self.figures("trapped"))

    @property
    def distance(self) -> Mean:
        """Distance from recordings in decibels, with its standard error over streams."""
        return _mean(self.figures("distance_db"))

    def figures(self, name: str) -> list[float]:
        """Return a figure of each stream."""
        return [getattr(one, name) for one in self.run.streams]


class Ranked(NamedTuple):
    """A checkpoint and its place.

    Attributes:
        place: 1 is best.
        tied: Whether neither traps nor the distance tell it from a neighbour: bits decide then,
            or age.
        audition: What was found of it.
    """

    place: int
    tied: bool
    audition: Audition


def rank(auditions: Sequence[Audition]) -> list[Ranked]:
    """Return checkpoints from the best to the worst."""
    tiers = [list(auditions)]
    for figure in DECISIVE:
        tiers = [part for tier in tiers for part in _tiers(tier, figure)]
    ranked: list[Ranked] = []
    for tier in tiers:
        for one in sorted(tier, key=_last_resort):
            ranked.append(Ranked(len(ranked) + 1, len(tier) > 1, one))
    return ranked


def conclude(ranked: Sequence[Ranked]) -> list[str]:
    """Say in sentences which checkpoint to take, and why not that of lowest loss."""
    best = ranked[0].audition
    if best.run.trapped >= TRAPPED:
        sentences = [f"None plays freely; the best is {best.name}. {best.verdict}"]
    else:
        sentences = [f"Take {best.name}. {best.verdict}"]
    alike = [one.audition.name for one in ranked[1:] if not _differ_in_traps(one.audition, best)]
    if alike:
        last = "age" if best.bits is None else "bits"
        sentences.append(
            f"{_listed(alike)} cannot be told from it by the time in traps: silence and loops, "
            f"the distance from recordings and {last} decided, in this order."
        )
    return [*sentences, *_on_loss(ranked)]


def differ(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether the means of two samples differ significantly, by a permutation test.

    The test is two-sided at 5 % and draws its permutations in the same way each time.
    Source: Phipson and Smyth 2010, "Permutation p-values should never be zero", equation 2.
    """
    together = np.array([*one, *other], np.float64)
    seen = abs(np.mean(one) - np.mean(other))
    drawn = np.random.default_rng(0).permuted(np.tile(together, (PERMUTATIONS, 1)), axis=1)
    means = drawn[:, : len(one)].mean(1) - drawn[:, len(one) :].mean(1)
    as_extreme = int((abs(means) >= seen - 1e-12).sum())
    return (1 + as_extreme) / (1 + PERMUTATIONS) <= SIGNIFICANT


def _tiers(auditions: Sequence[Audition], figure: str) -> list[list[Audition]]:
    """Sort by the means of a figure; who does not differ from the first of a tier is in it."""
    tiers: list[list[Audition]] = []
    for one in sorted(auditions, key=lambda one: float(np.mean(one.figures(figure)))):
        if not tiers or differ(tiers[-1][0].figures(figure), one.figures(figure)):
            tiers.append([])
        tiers[-1].append(one)
    return tiers


def _differ_in_traps(one: Audition, other: Audition) -> bool:
    return differ(one.figures("trapped"), other.figures("trapped"))


def _last_resort(one: Audition) -> float:
    """Return what decides among those that are alike when they play: less is better."""
    if one.bits is not None:
        return one.bits.mean.value
    return -math.inf if one.step is None else -one.step


def _on_loss(ranked: Sequence[Ranked]) -> list[str]:
    """Say whether the best is also that of lowest loss; nothing of models without a density."""
    best = ranked[0].audition
    lowest = min(ranked, key=lambda one: _last_resort(one.audition))
    if best.bits is None or lowest.audition.bits is None:
        return []
    if lowest is ranked[0]:
        return [f"{best.name.capitalize()} is also the one of lowest loss."]
    saved = advantage(lowest.audition.bits, best.bits)
    error = "" if saved.error is None else f" (± {saved.error:.3f})"
    return [
        f"The lowest loss is that of {lowest.audition.name}, by {saved.value:.3f}{error} bits a "
        f"sample, and it comes {lowest.place} of {len(ranked)}. {lowest.audition.verdict}"
    ]


def _listed(names: Sequence[str]) -> str:
    words = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return words[0].upper() + words[1:]


def _mean(values: Sequence[float]) -> Mean:
    count = len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else None
    return Mean(float(np.mean(values)), error)
