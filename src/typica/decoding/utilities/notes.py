"""Utilities of notes: the share of them that both pieces have."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError, MissingFeatureError, ShapeError
from typica.decoding.utilities.utility import Indices, Utility
from typica.score.notes import Notes

TOLERANCE_S = 0.05

_Match = Callable[[Notes, Notes], int]


@dataclass(frozen=True)
class _MatchedF1(Utility[Notes]):
    """F1 of notes: 2 m / (a + b), with m the most that can be matched one to one.

    Attributes:
        tolerance_s: How far apart the onsets of two notes that match may be, in seconds.
    """

    tolerance_s: float = TOLERANCE_S

    symmetric = True

    def __post_init__(self) -> None:
        if not 0 < self.tolerance_s < np.inf:
            raise ConfigError(f"onsets need a tolerance above 0 s, got {self.tolerance_s:g}")

    def pairs(
        self, items: Sequence[Notes], candidates: Indices, references: Indices
    ) -> NDArray[np.float64]:
        """See `Utility.pairs`; two pieces without notes are the same.

        Raises:
            ShapeError: An item holds no notes.
            MissingFeatureError: mir_eval is not installed.
        """
        other = next((item for item in items if not isinstance(item, Notes)), None)
        if other is not None:
            raise ShapeError(f"notes can be compared with notes, got {type(other).__name__}")
        match = self._matcher()
        pairs = zip(candidates.tolist(), references.tolist(), strict=True)
        return np.array([_f1(items[left], items[right], match) for left, right in pairs])

    @abstractmethod
    def _matcher(self) -> _Match:
        """Return what counts the notes that match."""


class OnsetF1(_MatchedF1):
    """F1 of onsets, whatever their pitch: rhythm.

    Source: mir_eval's `transcription.match_note_onsets` (Raffel et al. 2014).
    """

    def _matcher(self) -> _Match:
        try:
            from mir_eval.transcription import match_note_onsets
        except ImportError as error:
            raise MissingFeatureError("onset F1", "mir_eval", "scores") from error

        return lambda candidate, reference: len(
            match_note_onsets(
                _intervals(reference), _intervals(candidate), onset_tolerance=self.tolerance_s
            )
        )


class NoteF1(_MatchedF1):
    """F1 of notes of which onset and pitch must match; when they end does not count.

    Source: mir_eval's `transcription.match_notes` with no ratio of offsets (Raffel et al. 2014).
    """

    def _matcher(self) -> _Match:
        try:
            from mir_eval.transcription import match_notes
        except ImportError as error:
            raise MissingFeatureError("note F1", "mir_eval", "scores") from error

        return lambda candidate, reference: len(
            match_notes(
                _intervals(reference),
                _hertz(reference),
                _intervals(candidate),
                _hertz(candidate),
                onset_tolerance=self.tolerance_s,
                offset_ratio=None,
            )
        )


def _f1(candidate: Notes, reference: Notes, match: _Match) -> float:
    total = len(candidate) + len(reference)
    if not len(candidate) or not len(reference):
        return 0.0 if total else 1.0
    return 2 * match(candidate, reference) / total


def _intervals(notes: Notes) -> NDArray[np.float64]:
    return np.stack([notes.onset_s, notes.offset_s], 1)


def _hertz(notes: Notes) -> NDArray[np.float64]:
    return 440 * 2 ** ((notes.pitch.astype(np.float64) - 69) / 12)
