"""Finding odd recordings: p-values by rank among stretches of reference recordings.

A recording is as many windows; each has some statistics. Several judges look at a stretch of
windows, each in its own way. A judge's p-value is the share of reference stretches of the same
length that it finds as odd; the recording's is the rank of its smallest one among the smallest
ones of the reference, so that looking through several eyes costs no false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from typica.core.errors import DataError
from typica.typicality.detectors.kernel_density import KernelDensity

LONGEST = 30  # windows of a stretch: longer recordings are judged by the mean of such stretches
FOLDS = 5
TAIL = 0.1  # share of a stretch's windows that "oddest tenth" looks at
STATES, TENTH = "density of states", "oddest tenth"
LEAST_WINDOWS = 20  # of a reference

Rows = np.ndarray
"""Statistics of windows, float64, shape (windows, statistics)."""


class Judgement(NamedTuple):
    """What is found of a recording.

    Attributes:
        p_value: How often a stretch like the reference would look as odd, at least to one judge.
        judge: The judge to whom it looks oddest.
        p_values: Of each judge, by name.
        windows: p-values of each window by itself, by judge, each of shape (windows,).
        places: Those of the judge that is named.
        smallest: The smallest p-value that so large a reference can give.
    """

    p_value: float
    judge: str
    p_values: dict[str, float]
    windows: dict[str, np.ndarray]
    places: np.ndarray
    smallest: float


class RecordingDetector:
    """A detector of odd recordings.

    Its judges: "likelihood" (batch typicality: the mean surprise of a stretch against that of
    the reference, two-sided), "martingale" (the same of the surprise beyond what the model
    expected), "complexity" (bits beyond FLAC's: one-sided), "density of states" (how usual the
    windows' statistics are) and "oddest tenth" (the same of the oddest windows alone, for what
    is wrong only in places). Those whose statistic the model lacks are left out.

    Reference windows are judged by fits on other recordings than their own. Stretches of one
    recording are not independent, so p-values are only as good as there are recordings: with a
    hundred they hold their level, with a handful several times as many usual recordings look odd.

    Args:
        names: The statistics, in the order of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def fit(self, recordings: Sequence[Rows]) -> Self:
        """Learn from the windows of reference recordings.

        Raises:
            DataError: There are fewer than 20 windows.
        """
        count = sum(len(rows) for rows in recordings)
        if count < LEAST_WINDOWS:
            raise DataError(
                f"the reference holds {count} windows, at least {LEAST_WINDOWS} are needed: give "
                f"it more recordings, or shorter windows"
            )
        self.recordings_ = [np.asarray(rows, dtype=np.float64) for rows in recordings]
        self.eyes_ = _Eyes(self.names, np.concatenate(self.recordings_))
        self._seen: dict[int, dict[str, _Ranking]] = {}
        self._views = _cross_fitted(self.names, self.recordings_)
        return self

    @property
    def judges(self) -> list[str]:
        """Names of the judges."""
        return list(self.reference(1))

    def judge(self, rows: Rows) -> Judgement:
        """Judge a recording by its windows.

        Raises:
            DataError: There are none.
        """
        if not len(rows):
            raise DataError("a recording without windows cannot be judged")
        view = self.eyes_.look(rows)
        length = min(len(rows), self.longest)
        reference = self.reference(length)
        whole = _mean_stretch(view, length)
        p_values = {name: float(reference[name].p_values(whole[name])) for name in reference}
        p_value = _combined(reference, whole, p_values)
        single, alone = self.reference(1), _stretches(view, 1, 1)
        # Of a single window, its oddest tenth is all of it.
        windows = {name: single[name].p_values(alone[name]) for name in single if name != TENTH}
        judge = min(p_values, key=lambda n: (p_values[n], -reference[n].excess(whole[n])))
        places = windows[STATES if judge == TENTH else judge]
        return Judgement(p_value, judge, p_values, windows, places, self.smallest(len(rows)))

    @property
    def longest(self) -> int:
        """Windows of the longest stretch: half of the reference recordings have as many."""
        lengths = sorted(len(view.rows) for view in self._views)
        return min(LONGEST, lengths[(len(lengths) - 1) // 2])

    def smallest(self, length: int) -> float:
        """Return the smallest p-value that a recording of so many windows can get."""
        reference = self.reference(min(length, self.longest))
        return 1 / (1 + len(reference[STATES].values))

    def reference(self, length: int) -> dict[str, _Ranking]:
        """Return how odd reference stretches of so many windows look, by judge; ranked once.

        Recordings with fewer windows are left out.
        """
        if length not in self._seen:
            step = max(1, length // 2)
            long_enough = [view for view in self._views if len(view.rows) >= length]
            parts = [_stretches(view, length, step) for view in long_enough]
            self._seen[length] = {
                name: _Ranking(np.concatenate([part[name] for part in parts])) for name in parts[0]
            }
        return self._seen[length]


class _Ranking:
    """How odd stretches of the reference look to one judge, and the place of each among them."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.ascending = values, np.sort(values)
        self.below = np.searchsorted(self.ascending, values, side="left")

    def p_values(self, values: np.ndarray | float) -> np.ndarray:
        """Return conformal p-values: the share of reference and value itself that is as odd."""
        below = np.searchsorted(self.ascending, values, side="left")
        return (1 + len(self.values) - below) / (1 + len(self.values))

    def p_values_beside(self, value: float) -> np.ndarray:
        """Return the reference's own p-values, once one more value is among them."""
        below = self.below + (value < self.values)
        return (1 + len(self.values) - below) / (1 + len(self.values))

    def excess(self, value: float) -> float:
        """Return how far beyond the reference a value is, in widths of it: for ties of p."""
        low, high = np.quantile(self.ascending, [0.5, 0.99])
        return (value - high) / max(high - low, 1e-12)


class _View(NamedTuple):
    """Windows as the judges see them: statistics less their reference means, and oddness."""

    names: list[str]
    rows: Rows
    oddness: np.ndarray


class _Eyes:
    """What the judges have learnt: means, and densities of the statistics."""

    def __init__(self, names: list[str], rows: Rows) -> None:
        self.names, self.mean = names, rows.mean(0)
        self.densities = [KernelDensity(column) for column in rows.T]

    def look(self, rows: Rows) -> _View:
        pairs = zip(self.densities, rows.T, strict=True)
        oddness = -np.sum([density.log_density(column) for density, column in pairs], axis=0)
        return _View(self.names, rows - self.mean, oddness)


def _cross_fitted(names: list[str], recordings: list[Rows]) -> list[_View]:
    """Look at each recording with eyes that have not learnt from it."""
    if len(recordings) == 1:  # then at each part of it with eyes that learnt from the others
        recordings = np.array_split(recordings[0], FOLDS)
    folds = min(FOLDS, len(recordings))
    views: list[_View] = []
    for fold in range(folds):
        others = [rows for number, rows in enumerate(recordings) if number % folds != fold]
        eyes = _Eyes(names, np.concatenate(others))
        views += [eyes.look(rows) for rows in recordings[fold::folds]]
    return views


def _stretches(view: _View, length: int, step: int) -> dict[str, np.ndarray]:
    """Return how odd stretches of so many windows look, by judge, each of shape (stretches,)."""
    rows = sliding_window_view(view.rows, length, axis=0)[::step].mean(-1)
    oddness = np.sort(sliding_window_view(view.oddness, length)[::step], axis=-1)
    column = dict(zip(view.names, rows.T, strict=True))
    found = {"likelihood": np.abs(column["surprise"])}
    if "martingale" in column:
        found["martingale"] = np.abs(column["martingale"])
    if "complexity" in column:
        found["complexity"] = column["complexity"]
    found[STATES] = oddness.mean(-1)
    found[TENTH] = oddness[:, -max(1, round(TAIL * length)) :].mean(-1)
    return found


def _mean_stretch(view: _View, length: int) -> dict[str, float]:
    """Return how odd the stretches of a recording look in the mean, by judge.

    A mean of several varies less than the stretches of the reference that it is compared with:
    long recordings are called odd too rarely, not too often.
    """
    count = len(view.rows)
    starts = [*range(0, count - length, length), count - length]  # the last may overlap
    found = _stretches(view, length, 1)
    return {name: float(values[starts].mean()) for name, values in found.items()}


def _combined(
    reference: dict[str, _Ranking], whole: dict[str, float], p_values: dict[str, float]
) -> float:
    """Return the rank of the smallest p-value among those of the reference.

    Each stretch is ranked among all the others and the one that is judged, as that one is among
    them: were they exchangeable, the result would be a p-value exactly. They are so nearly,
    where there are many recordings: stretches of one resemble one another and overlap. Between
    equals the mean decides.
    """
    others = [ranking.p_values_beside(whole[name]) for name, ranking in reference.items()]
    scores = np.min(others, axis=0) + 1e-6 * np.mean(others, axis=0)
    own = list(p_values.values())
    score = np.min(own) + 1e-6 * np.mean(own)
    return float((1 + np.sum(scores <= score)) / (1 + len(scores)))
