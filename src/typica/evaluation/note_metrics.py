"""How well notes that were found match those that were played.

Source: Bay et al. 2009 in the form of mir_eval's `transcription` and `transcription_velocity`
(Raffel et al. 2014), with the tolerances of Hawthorne et al. 2018, https://arxiv.org/abs/1710.11153.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import DataError, MissingFeatureError, ShapeError
from typica.score.notes import Notes

TOLERANCE_S = 0.05


class Score(NamedTuple):
    """Shares in [0, 1].

    Attributes:
        precision: Of what was found, how much is right.
        recall: Of what there is, how much was found.
        f1: Their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


class NoteScores(NamedTuple):
    """How well notes match, by three rules, each stricter than the one before.

    Attributes:
        onset: Pitch, and onset within 50 ms.
        offset: The offset too, within 50 ms or a fifth of the note, whichever is more.
        velocity: The velocity too, within a tenth after the best linear fit.
    """

    onset: Score
    offset: Score
    velocity: Score


def note_scores(
    reference: Notes, estimate: Notes, *, tolerance_s: float = TOLERANCE_S
) -> NoteScores:
    """Score notes against those that were played; let both ring on under a pedal before.

    Where nothing was found all scores are 0.

    Args:
        reference: What was played.
        estimate: What was found.
        tolerance_s: How far apart two onsets may be, in seconds.

    Raises:
        DataError: Nothing was played: such a piece has no score and is to be left out of means.
        MissingFeatureError: mir_eval is not installed.
    """
    if not len(reference):
        raise DataError("a piece without notes has no score: leave it out")
    try:
        from mir_eval import transcription, transcription_velocity
    except ImportError as error:
        raise MissingFeatureError("scoring notes", "mir_eval", "scores") from error
    if not len(estimate):
        return NoteScores(*[Score(0.0, 0.0, 0.0)] * 3)
    (times, pitches), (found, found_pitches) = _columns(reference), _columns(estimate)
    plain = (times, pitches, found, found_pitches)
    loud = (times, pitches, reference.velocity, found, found_pitches, estimate.velocity)
    overlap = transcription.precision_recall_f1_overlap
    by_velocity = transcription_velocity.precision_recall_f1_overlap
    return NoteScores(
        Score(*overlap(*plain, onset_tolerance=tolerance_s, offset_ratio=None)[:3]),
        Score(*overlap(*plain, onset_tolerance=tolerance_s)[:3]),
        Score(*by_velocity(*loud, onset_tolerance=tolerance_s)[:3]),
    )


def _columns(notes: Notes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    hertz = 440 * 2 ** ((notes.pitch.astype(np.float64) - 69) / 12)
    return np.stack([notes.onset_s, notes.offset_s], 1), hertz


def frame_scores(reference: ArrayLike, estimate: ArrayLike) -> Score:
    """Score a piano roll against what was played, cell by cell.

    Args:
        reference: What sounds, shape (frames, pitches); all that is not 0 counts.
        estimate: What was found, of the same shape.

    Raises:
        ShapeError: Their shapes differ.
        DataError: Nothing was played.
    """
    there, found = np.asarray(reference) != 0, np.asarray(estimate) != 0
    if there.shape != found.shape:
        raise ShapeError(f"two rolls must have one shape, got {there.shape} and {found.shape}")
    if not there.any():
        raise DataError("a roll in which nothing sounds has no score: leave it out")
    right = int((there & found).sum())
    precision, recall = right / max(int(found.sum()), 1), right / int(there.sum())
    return Score(precision, recall, 2 * right / int(there.sum() + found.sum()))
