"""Finding odd recordings with a detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from typica.actions.detector import Ear, read_detector, rows_of
from typica.core.errors import ConfigError, DataError, RunError
from typica.core.progress import SILENT, Progress
from typica.data.folder import FolderSource
from typica.evaluation.odd_places import draw_places
from typica.typicality.recordings import Judgement, RecordingDetector

ALPHA = 0.01


@dataclass(frozen=True)
class Place:
    """A stretch of a recording whose windows are odd by themselves, in seconds."""

    start_s: float
    stop_s: float


@dataclass(frozen=True)
class Found:
    """What was found of one recording.

    Attributes:
        file: As the user named it.
        odd: Whether its p-value is at most alpha.
        p_value: How often a recording like the reference would look as odd.
        judge: What it looks oddest to.
        p_values: Of each judge.
        places: Where in time that judge finds single windows odd, whether or not the whole is.
        oddest: The window that it finds oddest.
        oddest_p: Its p-value, by itself.
        seconds: Length of what was heard.
        smallest_p: The smallest p-value that it could have got.
        plot: The picture, where one was drawn.
    """

    file: str
    odd: bool
    p_value: float
    judge: str
    p_values: dict[str, float]
    places: list[Place]
    oddest: Place
    oddest_p: float
    seconds: float
    smallest_p: float
    plot: str | None = None


def detect_score(
    detector: str | Path,
    files: Sequence[str | Path],
    *,
    alpha: float = ALPHA,
    plots: str | Path | None = None,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Iterator[Found]:
    """Hear recordings one by one and tell of each whether it is odd.

    Files that cannot be used are told to `progress` and left out. Results come as soon as they
    are there, and none is kept: of a recording, no more than a few numbers a window are.

    Args:
        detector: A folder of `detect_fit`.
        files: Sound files, and folders of them.
        alpha: A recording is odd if its p-value is at most this: of recordings like the
            reference, about this share will be called odd if that has many, more if it has few.
        plots: Folder for a picture of each odd recording; None for no pictures.
        device: Where to compute.
        progress: Hears how far it is, and what was refused.

    Raises:
        ConfigError: `alpha` is not between 0 and 1.
        RunError: The detector is missing or damaged.
        DataError: There is no file, or none can be used.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha must lie between 0 and 1, got {alpha:g}")
    _, ear, judges = read_detector(Path(detector), device)
    paths = list(_paths(files))
    used, warned = 0, False
    with progress.task("hearing recordings", total=len(paths), unit="files") as task:
        for path in paths:
            try:
                found, judgement = _judge(path, ear, judges, alpha)
            except DataError as error:
                progress.say(str(error))
                task.advance()
                continue
            if found.smallest_p > alpha and not warned:
                warned = True
                progress.say(_too_coarse(found.smallest_p, alpha))
            used += 1
            task.advance()
            if found.odd and plots is not None:
                found = _drawn(found, judgement, ear, Path(plots), used, alpha)
            yield found
    if not used:
        raise DataError(f"none of the {len(paths)} files can be used: the reasons are above")


def _paths(files: Sequence[str | Path]) -> Iterator[Path]:
    for file in map(Path, files):
        if file.is_dir():
            yield from (file / item.id for item in FolderSource(file).items())
        else:
            yield file


def _judge(
    path: Path, ear: Ear, judges: RecordingDetector, alpha: float
) -> tuple[Found, Judgement]:
    windows = list(ear.windows(path))
    names, rows = rows_of(windows)
    if names != judges.names:
        raise RunError(f"the detector knows {judges.names} and the model says {names}: fit it anew")
    judgement = judges.judge(rows)
    seconds = sum(window.samples for window in windows) / ear.run.rate
    oddest = np.arange(len(rows)) == judgement.places.argmin()
    found = Found(
        str(path),
        judgement.p_value <= alpha,
        judgement.p_value,
        judgement.judge,
        judgement.p_values,
        _places(judgement.places <= alpha, ear.window_s, seconds),
        _places(oddest, ear.window_s, seconds)[0],
        float(judgement.places.min()),
        seconds,
        judgement.smallest,
    )
    return found, judgement


def _places(odd: np.ndarray, window_s: float, end_s: float) -> list[Place]:
    """Join neighbouring odd windows; the last ends with the recording."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], odd.astype(int), [0]])))
    return [
        Place(float(start * window_s), min(float(stop * window_s), end_s))
        for start, stop in edges.reshape(-1, 2)
    ]


def _too_coarse(smallest: float, alpha: float) -> str:
    return (
        f"the reference is too small for alpha = {alpha:g}: no p-value can be below "
        f"{smallest:.3g}, so nothing will be called odd; fit with more recordings, or raise --alpha"
    )


def _drawn(
    found: Found, judgement: Judgement, ear: Ear, folder: Path, number: int, alpha: float
) -> Found:
    """Draw an odd recording; the number keeps files of one name apart."""
    path = folder / f"{number:04d}-{Path(found.file).stem}.png"
    draw_places(
        path,
        f"{Path(found.file).name}: p = {found.p_value:.2g} ({found.judge})",
        ear.blocks(Path(found.file)),
        judgement.windows,
        odd=[(place.start_s, place.stop_s) for place in found.places],
        rate=ear.run.rate,
        window_s=ear.window_s,
        end_s=found.seconds,
        alpha=alpha,
    )
    return replace(found, plot=str(path))
