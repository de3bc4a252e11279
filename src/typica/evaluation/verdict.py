"""The verdict on a run, in words, with what to do next.

Four words, tried in this order:

- overfit: the held-out bits rise while training goes on, or the model does far better on the
  recordings it was trained on than on others;
- undertrained: a baseline pays less for the held-out recordings, or hardly more;
- trapped: the likelihood is good and yet most samples go silent, loop, clip or turn to noise;
- healthy: none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from typica.evaluation.bits import Mean
from typica.evaluation.curves import Curve
from typica.evaluation.health import Health

Word = Literal["undertrained", "overfit", "trapped", "healthy"]

MARGIN_BITS = 0.1  # a baseline is beaten by at least this
RISE_BITS = 0.05  # the held-out curve has risen by more than this over its best: overfit
RISE_SHARE = 0.1  # and its best lies at least this share of the training back
GAP_BITS = 0.3  # better by this on training recordings than on held-out ones: overfit
GAP_ERRORS = 3.0  # and by so many standard errors
FALLING_BITS = 0.02  # the held-out curve fell by this over the last quarter: still learning
SILENT_SHARE = 0.9  # of frames: a clip has gone silent
QUIET_DB = 30.0  # or it is so far below the recordings
CLIPPED_SHARE = 0.01  # of samples, beyond twice what recordings have
NOISE_FLATNESS = 0.25  # and three times what recordings have
LOOP_REPETITION = 0.75  # and 0.3 more than recordings have
LOOP_MORE = 0.3
FAULTY_SHARE = 0.5  # of clips: the free run is trapped
SILENT_DATA_SHARE = 0.3  # of the recordings: worth a word


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        bits: Bits a sample on held-out recordings; None for a model without a density.
        baselines: Bits a sample of each baseline, on the same recordings and base measure.
        gap: By how many bits more it beats the best of them on training recordings than on
            held-out ones; None where that was not measured.
        curve: Held-out bits in the course of training.
        tails: Measures of the second half of each sample.
        recordings: The same measures of held-out recordings.
    """

    bits: float | None = None
    baselines: Mapping[str, float] | None = None
    gap: Mean | None = None
    curve: Curve = Curve([], [])
    tails: Sequence[Health] = ()
    recordings: Health | None = None


class Verdict(NamedTuple):
    """A verdict.

    Attributes:
        word: The verdict in a word.
        summary: The verdict in a sentence.
        reasons: What it rests on, in sentences.
        advice: What to do next, in sentences.
    """

    word: Word
    summary: str
    reasons: list[str]
    advice: list[str]


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on a run."""
    faulty = [found for tail in evidence.tails if (found := faults(tail, evidence.recordings))]
    trapped = bool(faulty) and len(faulty) >= FAULTY_SHARE * len(evidence.tails)
    samples = _samples(faulty, len(evidence.tails))
    overfit = _overfit(evidence)
    if overfit:
        word, summary, advice = "overfit", _OVERFIT, _OVERFIT_ADVICE
    elif _unbeaten(evidence):
        word, summary, advice = "undertrained", _UNDERTRAINED, _more_training(evidence)
    elif trapped:
        summary = _TRAPPED if evidence.baselines else _TRAPPED_UNPRICED
        word, advice = "trapped", _TRAPPED_ADVICE
    else:
        word, summary, advice = "healthy", _healthy(evidence), _going_on(evidence)
    reasons = [*overfit, *_likelihood(evidence), *samples]
    return Verdict(word, summary, reasons, [*advice, *_about_data(evidence)])  # type: ignore[arg-type]


def faults(tail: Health, recordings: Health | None) -> list[str]:
    """List what is wrong with the second half of a sample, beside real recordings."""
    real = recordings or _UNKNOWN
    checks = {
        "go silent": (tail.silence >= SILENT_SHARE and real.silence < SILENT_SHARE / 2)
        or tail.level_db < real.level_db - QUIET_DB,
        "clip": tail.clipped > CLIPPED_SHARE + 2 * real.clipped,
        "turn to noise": (tail.flatness or 0) > max(NOISE_FLATNESS, 3 * (real.flatness or 0)),
        "loop": (tail.repetition or 0) > max(LOOP_REPETITION, (real.repetition or 0) + LOOP_MORE),
    }
    return [name for name, found in checks.items() if found]


# Of recordings that were not measured, nothing is expected.
_UNKNOWN = Health(-120, -120, 0, 0, 0, None, None, 0, None, None, None, None)

_OVERFIT = "The model has begun to learn its training recordings by heart."
_UNDERTRAINED = "The model has not yet learnt what simpler ones know."
_TRAPPED = "The model prices real music well, but its own runs lead where no music is."
_TRAPPED_UNPRICED = "The model's own runs lead where no music is."
_HEALTHY = "The model prices these recordings better than every baseline; most samples are alive."
_HEALTHY_UNPRICED = (
    "The samples are alive; the model has no density, so nothing tells how well it fits."
)
_HEALTHY_ALONE = (
    "The samples are alive; no baseline has the model's base measure, so nothing tells how well it "
    "fits."
)
_OVERFIT_ADVICE = [
    "Use an earlier checkpoint: the best stands at the lowest point of the held-out curve.",
    "Prepare more recordings, or train a smaller model.",
]
_TRAPPED_ADVICE = [
    "Sample at another temperature, from 0.9 to 1: below, runs fall silent or loop; above, they "
    "turn to noise.",
    "Begin from a prompt: `typica sample` takes one with --prompt.",
    "Train for longer: long runs drift where training has never been, and less so the better "
    "the model.",
]


def _healthy(evidence: Evidence) -> str:
    if evidence.bits is None:
        return _HEALTHY_UNPRICED
    return _HEALTHY if evidence.baselines else _HEALTHY_ALONE


def _overfit(evidence: Evidence) -> list[str]:
    """Return the reasons to call it overfit."""
    reasons = []
    steps, bits = evidence.curve
    if bits:
        best = min(range(len(bits)), key=bits.__getitem__)
        rise, since = bits[-1] - bits[best], steps[-1] - steps[best]
        if rise > RISE_BITS and since > RISE_SHARE * steps[-1]:
            reasons.append(
                f"Held-out bits were lowest at step {steps[best]:,} and have risen by {rise:.2f} "
                f"since."
            )
    if evidence.gap and evidence.gap.value > GAP_BITS:
        error = evidence.gap.error or 0.0
        if evidence.gap.value > GAP_ERRORS * error:
            reasons.append(
                f"On its training recordings it is {evidence.gap.value:.2f} bits a sample better "
                f"than on held-out ones, all else being equal."
            )
    return reasons


def _unbeaten(evidence: Evidence) -> dict[str, float]:
    """Return the baselines that the model does not beat clearly, with their bits."""
    if evidence.bits is None:
        return {}
    baselines = (evidence.baselines or {}).items()
    return {name: bits for name, bits in baselines if evidence.bits > bits - MARGIN_BITS}


def _likelihood(evidence: Evidence) -> list[str]:
    """Tell how the model's bits lie among the baselines'."""
    if evidence.bits is None:
        return []
    if not evidence.baselines:
        return [f"It pays {evidence.bits:.2f} bits a sample; no baseline has its base measure."]
    ours, unbeaten = evidence.bits, _unbeaten(evidence)
    reasons = []
    if beaten := {n: bits for n, bits in evidence.baselines.items() if n not in unbeaten}:
        name = min(beaten, key=beaten.__getitem__)
        reasons.append(f"It beats {_the_others(name, beaten)} by {beaten[name] - ours:.2f} bits.")
    for name, bits in unbeaten.items():
        words = f"{ours - bits:.2f} bits less" if bits < ours else "about as much"
        reasons.append(f"{_capital(name)} pays {words} ({bits:.2f} against {ours:.2f}).")
    return reasons


def _the_others(name: str, beaten: Mapping[str, float]) -> str:
    others = len(beaten) - 1
    if not others:
        return name
    return f"{name}, the best of the {len(beaten)} baselines that it beats,"


def _more_training(evidence: Evidence) -> list[str]:
    if _fell(evidence.curve) is False:
        return [
            "It has stopped improving: train a larger model, or with a higher learning rate, and "
            "look whether the recordings are alike.",
        ]
    return ["Train for longer, by the command under How to go on."]


def _going_on(evidence: Evidence) -> list[str]:
    if _fell(evidence.curve):
        return ["Held-out bits are still falling: longer training will make it better."]
    return ["Make music; for better music, train a larger model or prepare more recordings."]


def _about_data(evidence: Evidence) -> list[str]:
    if evidence.recordings and evidence.recordings.silence > SILENT_DATA_SHARE:
        return [
            f"{evidence.recordings.silence:.0%} of the held-out recordings is silence: cut it out "
            f"and prepare them again, or the model learns to keep silent."
        ]
    return []


def _fell(curve: Curve) -> bool | None:
    """Tell whether held-out bits fell over the last quarter; None where the log is too short."""
    steps, bits = curve
    before = [one for step, one in zip(steps, bits, strict=True) if step <= 0.75 * steps[-1]]
    return before[-1] - bits[-1] > FALLING_BITS if before else None


def _samples(faulty: Sequence[Sequence[str]], count: int) -> list[str]:
    """Tell what is wrong with samples, and with how many of them."""
    return [
        f"In their second half, {sum(name in found for found in faulty)} of {count} samples {name}."
        for name in dict.fromkeys(name for found in faulty for name in found)
    ]


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]
