"""Minimum Bayes risk: the candidate that serves best, whichever of the samples was meant.

Sources: Kumar and Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation";
Eikema and Aziz 2020, https://arxiv.org/abs/2005.10283 (candidates and references are unbiased
samples); Eikema and Aziz 2022, https://arxiv.org/abs/2108.04718 (candidates of their own, and
coarse to fine); Cheng and Vlachos 2023, https://arxiv.org/abs/2311.14919 (pruning).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import ConfigError
from typica.decoding.risk.estimate import Weights, counted, enumerated, mean, standard_error
from typica.decoding.risk.table import Distinct, Table, distinct
from typica.decoding.utilities.utility import Item, Utility

TIE = 1e-12  # expected utilities that differ by less are equal but for rounding
DECIDED = 2.0  # standard errors between the winner and any other


@dataclass(frozen=True, eq=False)
class Decision(Generic[Item]):
    """What minimum Bayes risk chose, and how sure that is.

    Attributes:
        best: The winner; of equals, the one that was given first.
        index: Its number among the candidates as they were given.
        candidates: All that differ, in the order in which they were first given.
        expected_utility: Of each of them.
        standard_error: Of each expected utility, over the drawing of the samples; 0 where
            probabilities were given, infinite where there is one sample alone.
        rivals: Numbers, among `candidates`, of those whose distance to the winner is within two of
            its standard errors. They share the samples, so that a distance is more certain than
            either utility.
        samples: Samples that differ.
        evaluated: Pairs that the utility was asked about.
    """

    best: Item
    index: int
    candidates: tuple[Item, ...]
    expected_utility: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    rivals: tuple[int, ...]
    samples: int
    evaluated: int

    @property
    def undecided(self) -> bool:
        """Whether more samples might choose another."""
        return bool(self.rivals)


def minimum_bayes_risk(
    candidates: Sequence[Item] | None,
    samples: Sequence[Item],
    utility: Utility[Item],
    *,
    weights: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
) -> Decision[Item]:
    """Choose the candidate of the highest expected utility: argmax over c of sum p(s) u(c, s).

    Duplicates of samples count by their number, those of candidates not at all. A candidate that is
    one of the samples is scored against itself too, which favours it by at most 1 / samples.

    Args:
        candidates: What to choose from: samples, or the finds of a search; None for the samples.
        samples: Drawn from the model as it is, ancestrally, or enumerated.
        utility: How well a candidate serves where a sample was meant.
        weights: Importance weights of samples that were drawn otherwise, in any unit.
        probabilities: Of all sequences there are, where `samples` lists them: nothing is estimated.

    Raises:
        ConfigError: There are no candidates or no samples; or weights and probabilities are both
            given, are not one a sample, or add up to what they cannot.
        ShapeError: The utility cannot compare these items.
    """
    candidates = samples if candidates is None else candidates
    _check(candidates, samples)
    choices, references = distinct(candidates), distinct(samples)
    weighing = _weigh(references.number, weights, probabilities)
    table = Table(choices.items, references.items, utility)
    return _decided(table, np.arange(len(choices.items)), choices, weighing)


def coarse_to_fine(
    candidates: Sequence[Item] | None,
    samples: Sequence[Item],
    coarse: Utility[Item],
    fine: Utility[Item],
    *,
    keep: int,
    weights: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
) -> Decision[Item]:
    """Choose by a dear utility among the few candidates that a cheap one finds best.

    Args:
        candidates: See `minimum_bayes_risk`.
        samples: See there.
        coarse: The cheap utility.
        fine: The dear one: it is asked about `keep` candidates alone.
        keep: Candidates that go on to the second round.
        weights: See there.
        probabilities: See there.

    Returns:
        The decision among those that were kept; pairs of both rounds are counted.

    Raises:
        ConfigError: See there; or `keep` is below 1.
    """
    if keep < 1:
        raise ConfigError(f"at least 1 candidate must be kept, got keep={keep}")
    candidates = samples if candidates is None else candidates
    weighing = {"weights": weights, "probabilities": probabilities}
    first = minimum_bayes_risk(candidates, samples, coarse, **weighing)
    order = np.argsort(-first.expected_utility, kind="stable")
    kept = np.sort(order[:keep])
    second = minimum_bayes_risk([first.candidates[at] for at in kept], samples, fine, **weighing)
    index = int(distinct(candidates).first[kept[second.index]])
    return replace(second, index=index, evaluated=first.evaluated + second.evaluated)


def with_pruning(
    candidates: Sequence[Item] | None,
    samples: Sequence[Item],
    utility: Utility[Item],
    *,
    first: int = 32,
    errors: float = 3.0,
) -> Decision[Item]:
    """Choose as `minimum_bayes_risk` does, but ask about hopeless candidates few samples only.

    All candidates are compared by the `first` samples, those that are left by twice as many, and so
    on. What lies more than so many standard errors behind the leader is left out. Cheng and Vlachos
    judge that by a bootstrap; here it is the normal approximation, of paired differences.

    Args:
        candidates: See `minimum_bayes_risk`.
        samples: Drawn independently: those that come first stand for all.
        utility: What to score by.
        first: Samples of the first round.
        errors: Standard errors of its distance to the leader that a candidate may be behind.

    Returns:
        The decision among those that were left at the end, by all samples; pairs of all rounds are
        counted.

    Raises:
        ConfigError: See there; or `first` is below 2, or `errors` not above 0.
    """
    if first < 2 or not errors > 0:
        raise ConfigError(
            f"pruning needs at least 2 samples first and errors above 0, got {first}, {errors:g}"
        )
    candidates = samples if candidates is None else candidates
    _check(candidates, samples)
    choices, references = distinct(candidates), distinct(samples)
    table = Table(choices.items, references.items, utility)
    left, seen = np.arange(len(choices.items)), first
    while seen < len(samples) and len(left) > 1:
        weighing = counted(references.number[:seen], None)
        utilities = table.utilities(left, slice(len(weighing.share)))
        leader = _leader(utilities, weighing)
        left = left[sorted((leader, *_rivals(utilities, leader, weighing, errors)))]
        seen *= 2
    return _decided(table, left, choices, counted(references.number, None))


def _check(candidates: Sequence[Item], samples: Sequence[Item]) -> None:
    if not len(candidates) or not len(samples):
        raise ConfigError(
            f"minimum Bayes risk needs at least one candidate and one sample, got "
            f"{len(candidates)} and {len(samples)}"
        )


def _decided(
    table: Table[Item], left: NDArray[np.int64], choices: Distinct[Item], weighing: Weights
) -> Decision[Item]:
    """Decide among the candidates that are left, by all samples."""
    utilities = table.utilities(left)
    best = _leader(utilities, weighing)
    return Decision(
        best=choices.items[left[best]],
        index=int(choices.first[left[best]]),
        candidates=tuple(choices.items[at] for at in left),
        expected_utility=mean(utilities, weighing),
        standard_error=standard_error(utilities, weighing),
        rivals=_rivals(utilities, best, weighing),
        samples=len(weighing.share),
        evaluated=table.evaluated,
    )


def _weigh(
    number: NDArray[np.int64], weights: ArrayLike | None, probabilities: ArrayLike | None
) -> Weights:
    if probabilities is None:
        return counted(number, weights)
    if weights is not None:
        raise ConfigError("give either weights of samples or probabilities, not both")
    return enumerated(number, probabilities)


def _leader(utilities: NDArray[np.float64], weighing: Weights) -> int:
    """Return the first of those whose expected utility is the highest but for rounding."""
    expected = mean(utilities, weighing)
    return int(np.argmax(expected >= expected.max() - TIE))


def _rivals(
    utilities: NDArray[np.float64], best: int, weighing: Weights, errors: float = DECIDED
) -> tuple[int, ...]:
    """Return who lies within so many standard errors of the winner, the winner left out."""
    lead = utilities[best] - utilities
    near = mean(lead, weighing) <= errors * standard_error(lead, weighing) + TIE
    return tuple(int(at) for at in np.flatnonzero(near) if at != best)
