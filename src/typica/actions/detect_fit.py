"""Fitting a detector of odd recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from typica.actions.detector import DetectorSettings, Ear, rows_of, write_detector
from typica.core.errors import DataError
from typica.core.progress import SILENT, Progress
from typica.core.run import load
from typica.data.folder import FolderSource
from typica.typicality.recordings import RecordingDetector

WINDOW_S = 2.0
FEW = 20  # recordings: below, what differs between recordings is hardly known


@dataclass(frozen=True)
class FittedDetector:
    """A detector that was made.

    Attributes:
        folder: Where it is.
        recordings: Reference recordings in it.
        windows: Their windows.
        seconds: Their length.
        judges: Names of its judges.
        refused: Why other files of the reference could not be used, by file.
        smallest_p_of_window: The smallest p-value that a single window can get.
        smallest_p: The smallest that a recording of `longest_s` seconds or more can get.
        longest_s: Length of the longest stretches that are compared.
    """

    folder: Path
    recordings: int
    windows: int
    seconds: float
    judges: list[str]
    refused: dict[str, str]
    smallest_p_of_window: float
    smallest_p: float
    longest_s: float


def detect_fit(
    run: str | Path,
    reference: str | Path,
    out: str | Path,
    *,
    window_s: float = WINDOW_S,
    device: str = "auto",
    progress: Progress = SILENT,
) -> FittedDetector:
    """Learn what is usual from recordings, and write a detector.

    Args:
        run: A run of an unconditional model of audio with a density, or one of its checkpoints.
        reference: A folder of recordings that are as they should be. Others than those the model
            was trained on: it knows these by heart, and anything else would look odd.
        out: Folder to write; it holds all that scoring needs, the model's weights included.
        window_s: Seconds of a window: how finely odd places are told.
        device: Where to compute.
        progress: Hears how far it is.

    Raises:
        RunError: The run cannot detect anything.
        DataError: Too few recordings of the reference can be used.
    """
    opened = load(run, device)
    ear = Ear(opened, window_s)
    folder = Path(reference)
    items = FolderSource(folder).items()
    heard: dict[str, np.ndarray] = {}
    refused: dict[str, str] = {}
    names: list[str] = []
    with progress.task("hearing the reference", total=len(items), unit="files") as task:
        for item in items:
            try:
                names, heard[item.id] = rows_of(list(ear.windows(folder / item.id)))
            except DataError as error:
                refused[item.id] = str(error)
                progress.say(str(error))
            task.advance()
    if not heard:
        raise DataError(f"no file of {folder} can be used: the reasons are above")
    detector = RecordingDetector(names).fit(list(heard.values()))
    if len(heard) < FEW:
        progress.say(
            f"the reference holds {len(heard)} recordings: windows of one recording resemble one "
            f"another, so more usual recordings than alpha will be called odd; {FEW} and more "
            f"recordings are better than longer ones"
        )
    counts = [len(rows) for rows in heard.values()]
    settings = DetectorSettings(opened.name, window_s, names, list(heard), counts)
    write_detector(Path(out), opened, settings, np.concatenate(list(heard.values())))
    return FittedDetector(
        Path(out),
        len(heard),
        sum(counts),
        sum(counts) * ear.window_s,
        detector.judges,
        refused,
        detector.smallest(1),
        detector.smallest(detector.longest),
        detector.longest * ear.window_s,
    )
