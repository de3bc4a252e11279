"""Classification accuracy score: what a classifier learns from samples alone, tried on real data.

Neither the likelihood nor scores of sample quality predict it. A mode that is left out shows in it,
and so do samples that are mostly noise.

Source: Ravuri and Vinyals 2019, https://arxiv.org/abs/1905.10887, section 3. Its abstract exchanges
two figures: by its own table, top-1 accuracy falls by 41.6 % and top-5 by 27.9 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from typica.core.errors import ConfigError, DataError

Labelled = tuple[NDArray, NDArray]
"""Features, shape (examples, ...), and their labels, shape (examples,)."""


class Sampler(Protocol):
    """Draws examples of a class."""

    def __call__(self, label: Any, count: int, rng: np.random.Generator) -> NDArray:
        """Return features, shape (count, ...)."""


@dataclass(frozen=True)
class ClassificationAccuracy:
    """A classification accuracy score.

    Attributes:
        accuracies: Of each seed, on the real data.
        interval: Around their mean, 95 %: for other samples and classifiers (t, over the seeds) and
            other real data (normal, over the examples) together; clipped to [0, 1].
        recall: Of each class, the mean over the seeds.
    """

    accuracies: tuple[float, ...]
    interval: tuple[float, float]
    recall: Mapping[Any, float]

    @property
    def mean(self) -> float:
        """The score: the mean accuracy over the seeds."""
        return float(np.mean(self.accuracies))


def cas(
    sampler: Sampler,
    classifier_factory: Callable[[int], Any],
    real_validation: Labelled,
    per_class: int | Mapping[Any, int],
    seeds: Sequence[int],
    *,
    beside: Labelled | None = None,
) -> ClassificationAccuracy:
    """Train a classifier on samples of each class, and return its accuracy on real data.

    Args:
        sampler: Draws the samples of a class.
        classifier_factory: Makes a new classifier from a seed, with scikit-learn's fit and predict.
        real_validation: What it is tried on; its labels are the classes.
        per_class: Samples of each class, as many as the real training data have; or one number.
        seeds: One set of samples and one classifier each.
        beside: Real training data that the samples are added to: the naive augmentation score.

    Raises:
        ConfigError: There are no seeds, or a class is to have no samples.
        DataError: Features and labels differ in number, or there are none.
    """
    features, labels = real_validation
    if not len(labels) or len(features) != len(labels):
        raise DataError(f"real data need a label an example: got {len(features)}, {len(labels)}")
    counts = _counts(per_class, np.unique(labels))
    if not seeds:
        raise ConfigError("a classification accuracy score needs one seed or more")
    right = np.empty((len(seeds), len(labels)), bool)
    for row, seed in enumerate(seeds):
        drawn, named = _draw(sampler, counts, np.random.default_rng(seed))
        if beside is not None:
            drawn, named = np.concatenate([drawn, beside[0]]), np.concatenate([named, beside[1]])
        classifier = classifier_factory(seed).fit(drawn, named)
        right[row] = classifier.predict(features) == labels
    recall = {label: float(right[:, labels == label].mean()) for label in counts}
    return ClassificationAccuracy(tuple(right.mean(1).tolist()), _interval(right), recall)


def _counts(per_class: int | Mapping[Any, int], classes: NDArray) -> dict[Any, int]:
    if isinstance(per_class, int):
        per_class = dict.fromkeys(classes.tolist(), per_class)
    counts = {label: per_class.get(label, 0) for label in classes.tolist()}
    empty = [label for label, count in counts.items() if count < 1]
    if empty:
        raise ConfigError(
            f"per_class leaves no samples to class {empty[0]}: give 1 or more to each"
        )
    return counts


def _draw(sampler: Sampler, counts: Mapping[Any, int], rng: np.random.Generator) -> Labelled:
    drawn = [sampler(label, count, rng) for label, count in counts.items()]
    named = np.repeat(np.array(list(counts)), [len(samples) for samples in drawn])
    return np.concatenate(drawn), named


def _interval(right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of (seeds, examples)."""
    seeds, examples = right.shape
    by_example = norm.ppf(0.975) * right.mean(0).std() / math.sqrt(examples)
    by_seed = 0.0
    if seeds > 1:
        by_seed = t.ppf(0.975, seeds - 1) * right.mean(1).std(ddof=1) / math.sqrt(seeds)
    half = math.hypot(by_example, by_seed)
    mean = right.mean()
    return max(0.0, float(mean - half)), min(1.0, float(mean + half))
