"""Labels of rendered audio, checked by an independent transcriber: basic-pitch by Spotify.

    python benchmarks/transcription.py [--chorales 8] [--instruments piano organ guitar]

It hears the chorales that `typica.score.synthesis` renders, by its own code and settings, and its
notes are held against the labels: onsets within 50 ms, and how late they are in the median. Needs
basic-pitch with its ONNX model, without its dependency on TensorFlow:
`pip install --no-deps basic-pitch librosa resampy lazy_loader pooch audioread msgpack decorator`,
and onnxruntime.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from typica.evaluation.note_metrics import note_scores
from typica.score.chorales import chorale_files, read_chorale
from typica.score.instruments import program_of
from typica.score.notes import Note, Notes
from typica.score.synthesis import RATE, render

RECALL, LATE_MS = 0.9, 10
NEEDED = ("basic_pitch", "onnxruntime", "librosa", "resampy")


class Heard(NamedTuple):
    """How a piece was heard: shares of its onsets, and how late each that was found is, in s."""

    precision: float
    recall: float
    late_s: list[float]


def transcribed(audio: np.ndarray) -> Notes:
    """Return what basic-pitch hears."""
    from basic_pitch import ICASSP_2022_MODEL_PATH, inference

    model = Path(ICASSP_2022_MODEL_PATH).with_name("nmp.onnx")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "piece.wav"
        soundfile.write(place, audio, RATE)
        _, _, events = inference.predict(place, model)
    return Notes.of(Note(int(pitch), start, end) for start, end, pitch, *_ in events).in_order()


def without_unisons(notes: Notes) -> Notes:
    """Leave out all but one of notes of one pitch that begin together: one sound."""
    first = {(row.pitch, round(row.onset_s, 3)): row for row in notes.rows()}
    return Notes.of(first.values()).in_order()


def heard(notes: Notes) -> Heard:
    """Render notes and compare what is heard."""
    labels, found = without_unisons(notes), transcribed(render(notes))
    score = note_scores(labels, found).onset
    late = []
    for row in labels.rows():
        gaps = found.onset_s[found.pitch == row.pitch] - row.onset_s
        if gaps.size and np.abs(gaps).min() <= 0.05:
            late.append(float(gaps[np.abs(gaps).argmin()]))
    return Heard(score.precision, score.recall, late)


def main() -> int:
    """Hear some chorales on some instruments; return 1 where a target is missed."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chorales", type=int, default=8)
    parser.add_argument("--instruments", nargs="*", default=["piano", "organ", "guitar"])
    given = parser.parse_args()
    missing = [package for package in NEEDED if not find_spec(package)]
    if missing:
        print(f"not checked: {', '.join(missing)} not installed (see the head of this file)")
        return 0
    paths = list(chorale_files().values())
    picked = [paths[i] for i in np.linspace(0, len(paths) - 1, given.chorales).astype(int)]
    pieces = [read_chorale(path) for path in picked]
    good = True
    for instrument in given.instruments:
        results = [heard(piece.played_on(program_of(instrument))) for piece in pieces]
        precision, recall = (np.mean([result[part] for result in results]) for part in (0, 1))
        late_ms = 1000 * np.array([late for result in results for late in result.late_s])
        f1 = 2 * precision * recall / (precision + recall)
        quarter, middle, rest = np.percentile(late_ms, [25, 50, 75])
        print(
            f"{instrument}: {len(late_ms)} onsets, F1 {f1:.3f} (precision {precision:.3f}, recall"
            f" {recall:.3f}), late by {middle:.1f} ms in the median ({quarter:.1f} to {rest:.1f})"
        )
        if instrument == "piano":
            good = recall >= RECALL and abs(middle) <= LATE_MS
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
