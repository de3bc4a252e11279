"""Typical sets of independent tosses of a coin, or symbols of any alphabet: exact, by counts.

Sequences with equal counts are equally likely: they make up a type class, and a typical set is a
union of such classes. All sums over them are done on logarithms.

Source: Cover and Thomas 2006, "Elements of information theory", sections 3.1 and 11.1.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import binom, gammaln, logsumexp, xlogy

from typica.core.errors import ConfigError
from typica.typicality.stirling import deviance, stirling_remainder
from typica.typicality.typical_set import within
from typica.typicality.units import Per, Unit, as_array, from_nats, like, radius_in_nats, whole

MOST_CLASSES = 4_000_000  # counts of all symbols; 32 MB for each array of them


class CategoricalTypicality:
    """Typical sets of n independent symbols, each drawn with given probabilities.

    Symbols of equal probability count as one, so that a uniform alphabet may be of any size. With
    G different probabilities there are binom(n + G - 1, G - 1) classes: any n up to millions for
    two, some 2800 for three, 280 for four.
    """

    def __init__(self, n: int, probabilities: Any) -> None:
        """Take the number of symbols, and the probability of each of the alphabet.

        Raises:
            ConfigError: n is no count, the probabilities are none, or there are too many classes.
        """
        self.n = whole("n", n)
        self.probabilities = _probabilities(probabilities)
        self._values, self._repeats = np.unique(
            self.probabilities[self.probabilities > 0], return_counts=True
        )
        self._check_classes()

    def entropy(self, *, unit: Unit = "nats") -> float:
        """Return the entropy of a whole sequence."""
        return from_nats(self._entropy, unit=unit, per="total", n=None)

    def mass(self, eps: Any, *, unit: Unit, per: Per) -> Any:
        """Return the probability that a sequence is typical, boundary included.

        Args:
            eps: A number or an array, in `unit` ("nats" or "bits") and `per` ("total" or "dim",
                which is a symbol).
            unit: Of eps.
            per: Of eps.

        Raises:
            ConfigError: eps is negative, or a unit does not exist.
        """
        return self._each(eps, unit, per, lambda inside: np.exp(self._log_masses[inside]).sum())

    def log2_size(self, eps: Any, *, unit: Unit, per: Per) -> Any:
        """Return log2 of the number of typical sequences; minus infinity where there are none.

        Raises:
            ConfigError: eps is negative, or a unit does not exist.
        """
        return self._each(eps, unit, per, lambda inside: _log2_sum(self._log_sizes[inside]))

    def log2_share(self, eps: Any, *, unit: Unit, per: Per) -> Any:
        """Return log2 of the share that typical sequences are of all, possible or not.

        Raises:
            ConfigError: eps is negative, or a unit does not exist.
        """
        return self.log2_size(eps, unit=unit, per=per) - self.n * math.log2(len(self.probabilities))

    def _each(self, eps: Any, unit: Unit, per: Per, measure: Any) -> Any:
        """Measure the classes inside, for each of the eps."""
        nats = as_array(radius_in_nats(eps, unit=unit, per=per, n=self.n))
        results = [measure(within(self._deviations, one, self._entropy)) for one in nats.flat]
        return like(np.array(results).reshape(nats.shape), eps)

    def _check_classes(self) -> None:
        different = len(self._values)
        logs = gammaln([self.n + different, different, self.n + 1])
        classes = float(logs[0] - logs[1] - logs[2]) / math.log(10)
        if classes > math.log10(MOST_CLASSES):
            raise ConfigError(
                f"{self.n} symbols of {different} different probabilities have 10^{classes:.1f}"
                f" combinations of counts, more than 10^{math.log10(MOST_CLASSES):.1f}: take a"
                " smaller n, or estimate the mass by TypicalSet.mass_mc"
            )

    @property
    def _entropy(self) -> float:
        return -self.n * float(xlogy(self.probabilities, self.probabilities).sum())

    @cached_property
    def _counts(self) -> np.ndarray:
        """Counts of each different probability, (different, classes)."""
        return _compositions(self.n, len(self._values))

    @cached_property
    def _deviations(self) -> np.ndarray:
        """-log p - H of a sequence of each class, in nats: exactly 0 where the counts are n p."""
        expected = self.n * self._values * self._repeats
        # Shifting all logarithms changes nothing, and leaves none where all are equal.
        return np.log(self._values / self._values.max()) @ (expected[:, None] - self._counts)

    @cached_property
    def _log_masses(self) -> np.ndarray:
        """Log probability of each class: a multinomial, by Stirling's formula and its remainder."""
        expected = self.n * self._values * self._repeats
        log_masses = np.full(self._counts.shape[1], _log_factorial_rest(np.array([self.n]))[0])
        for counts, mean in zip(self._counts, expected, strict=True):
            log_masses -= _log_factorial_rest(counts) + deviance(counts, mean)
        return log_masses

    @cached_property
    def _log_sizes(self) -> np.ndarray:
        """Log of the number of sequences in each class: its mass over that of one of them."""
        return np.maximum(self._log_masses + self._deviations + self._entropy, 0)


class CoinTable(NamedTuple):
    """Sequences of tosses by their number of heads, one entry of each column for 0 to n heads.

    Attributes:
        heads: Number of heads.
        sequences: How many sequences have so many; infinite beyond 10^308.
        log2_sequences: The logarithm of that.
        sequence_probability: Of each one of them; 0 below 10^-308.
        log2_sequence_probability: The logarithm of that.
        deviation_bits: -log2 p - H of a sequence, negative where it is likelier than typical.
        probability: Of so many heads.
    """

    heads: np.ndarray
    sequences: np.ndarray
    log2_sequences: np.ndarray
    sequence_probability: np.ndarray
    log2_sequence_probability: np.ndarray
    deviation_bits: np.ndarray
    probability: np.ndarray


class CoinTypicality(CategoricalTypicality):
    """Typical sets of n tosses of a coin that shows heads with probability p."""

    def __init__(self, n: int, p: float) -> None:
        """Take the number of tosses and the probability of heads.

        Raises:
            ConfigError: n is no count, or p is not strictly between 0 and 1.
        """
        if not 0 < p < 1:
            raise ConfigError(f"p must lie strictly between 0 and 1, got {p}")
        self.p = float(p)
        super().__init__(n, (self.p, 1 - self.p))

    def table(self) -> CoinTable:
        """Return how many sequences there are, how likely, by the number of heads."""
        heads = np.arange(self.n + 1)
        tails = self.n - heads
        log_odds = math.log(self.p) - math.log1p(-self.p)
        deviations = (self.n * self.p - heads) * log_odds
        log_probability = -deviations - self._entropy
        log_mass = _log_factorial_rest(np.array([self.n]))[0]
        for counts, p in ((heads, self.p), (tails, 1 - self.p)):
            log_mass = log_mass - _log_factorial_rest(counts) - deviance(counts, self.n * p)
        with np.errstate(over="ignore"):
            sequences = binom(self.n, heads)
        return CoinTable(
            heads,
            sequences,
            np.maximum(log_mass - log_probability, 0) / math.log(2),
            np.exp(log_probability),
            log_probability / math.log(2),
            deviations / math.log(2),
            np.exp(log_mass),
        )


def _probabilities(given: Any) -> np.ndarray:
    values = as_array(given)
    if values.ndim != 1 or not values.size or not bool(np.all(values >= 0)):
        raise ConfigError(f"probabilities must be a list of numbers of at least 0, got {given}")
    if abs(values.sum() - 1) > 1e-9:
        raise ConfigError(f"probabilities must sum to 1, these sum to {values.sum():.9g}")
    return values / values.sum()


def _compositions(total: int, parts: int) -> np.ndarray:
    """Return all ways to write `total` as a sum of `parts` counts, (parts, ways)."""
    if parts == 1:
        return np.array([[total]])
    counts = np.arange(total + 1)[None]
    for _ in range(parts - 2):
        left = total - counts.sum(0)
        repeated = np.repeat(counts, left + 1, axis=1)
        within_run = np.arange(repeated.shape[1]) - np.repeat(
            np.cumsum(left + 1) - left - 1, left + 1
        )
        counts = np.concatenate([repeated, within_run[None]])
    return np.concatenate([counts, total - counts.sum(0)[None]])


def _log_factorial_rest(counts: np.ndarray) -> np.ndarray:
    """Return log n! - (n log n - n), which is 0 at 0: what `deviance` does not hold."""
    positive = np.maximum(counts, 1).astype(np.float64)
    rest = stirling_remainder(positive) + np.log(2 * np.pi * positive) / 2
    return np.where(counts > 0, rest, 0.0)


def _log2_sum(logs: np.ndarray) -> float:
    return float(logsumexp(logs)) / math.log(2) if logs.size else -math.inf
