"""A detector of odd recordings as a folder: the model, what it says of the reference, settings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from typica.core.errors import DataError, RunError
from typica.core.files import digest, replacing, write_json
from typica.core.model import ExplicitModel
from typica.core.run import CONFIG, MANIFEST, WEIGHTS, Run, load
from typica.data.sound import sound_blocks
from typica.typicality.recordings import RecordingDetector
from typica.typicality.windows import Window, WindowReader

SETTINGS, REFERENCE, MODEL = "detector.json", "reference.safetensors", "model"
VERSION = 1


@dataclass(frozen=True)
class DetectorSettings:
    """What a detector was made from.

    Attributes:
        run: Name of the run.
        window_s: Seconds of a window.
        statistics: Names of the columns of the reference.
        recordings: Names of the reference recordings, in the order of their rows.
        windows: How many windows each has.
        reference: SHA-256 of the file of the rows.
        version: Of the folder's layout.
    """

    run: str
    window_s: float
    statistics: list[str]
    recordings: list[str]
    windows: list[int]
    reference: str = ""
    version: int = VERSION


class Ear:
    """Hears recordings as a run heard its training recordings, window by window.

    Raises:
        RunError: The run has no density, models no audio, or must be told more than recordings
            hold.
    """

    def __init__(self, run: Run, window_s: float) -> None:
        model = run.model
        if not isinstance(model, ExplicitModel):
            raise RunError(f"{run.system} has no density: it can be sampled, but detects nothing")
        if model.example != "audio":
            raise RunError(f"{run.system} models images: odd recordings need a model of audio")
        if model.needs:
            told = ", ".join(model.needs)
            raise RunError(f"{run.name} is told {told}: a detector needs an unconditional run")
        size = round(window_s * run.rate)
        if size < 16:
            raise RunError(f"a window of {window_s:g} s holds {size} samples: make it longer")
        self.run = run
        self.reader = WindowReader(model, size, run.rate)

    @property
    def window_s(self) -> float:
        """Seconds of a window: whole samples of them."""
        return self.reader.size / self.run.rate

    def blocks(self, path: Path) -> Iterator[Tensor]:
        """Yield a sound file window by window, (1, time) each.

        Raises:
            DataError: It cannot be read or is too short.
        """
        least = self.reader.least
        size, normalise = self.reader.size, self.run.normalise
        return sound_blocks(path, self.run.rate, size, normalise=normalise, least=least)

    def windows(self, path: Path) -> Iterator[Window]:
        """Yield what the model says of the windows of a sound file.

        Raises:
            DataError: It cannot be read, is too short, or the model gives it no probability.
        """
        try:
            yield from self.reader.read(self.blocks(path))
        except DataError as error:
            prefix = f"cannot use {path}: "
            raise DataError(prefix + str(error).removeprefix(prefix)) from error


def rows_of(windows: list[Window]) -> tuple[list[str], np.ndarray]:
    """Return the names of the statistics and their rows, (windows, statistics)."""
    found = [window.statistics() for window in windows]
    names = list(found[0])
    return names, np.array([[row[name] for name in names] for row in found])


def write_detector(folder: Path, run: Run, settings: DetectorSettings, rows: np.ndarray) -> None:
    """Write a detector whole or not at all; the weights of its run are copied into it."""
    from safetensors.torch import save_file

    with replacing(folder) as place:
        (place / MODEL).mkdir(parents=True)
        for name in (CONFIG, WEIGHTS, MANIFEST):
            shutil.copy2(run.path / name, place / MODEL / name)
        save_file({"rows": torch.from_numpy(rows)}, str(place / REFERENCE))
        kept = asdict(settings) | {"reference": digest(place / REFERENCE)}
        write_json(place / SETTINGS, kept)


def read_detector(
    folder: Path, device: str = "auto"
) -> tuple[DetectorSettings, Ear, RecordingDetector]:
    """Open a detector.

    Raises:
        RunError: There is none, or it is damaged.
    """
    settings = _settings(folder)
    if not (folder / MODEL / CONFIG).is_file():
        raise RunError(f"{folder / MODEL} is missing or damaged: copy the whole folder again")
    if not (folder / REFERENCE).is_file() or digest(folder / REFERENCE) != settings.reference:
        raise RunError(f"{folder / REFERENCE} is missing or damaged: copy the whole folder again")
    from safetensors.torch import load_file

    rows = load_file(str(folder / REFERENCE))["rows"].numpy()
    parts = np.split(rows, np.cumsum(settings.windows)[:-1])
    detector = RecordingDetector(settings.statistics).fit(parts)
    return settings, Ear(load(folder / MODEL, device), settings.window_s), detector


def _settings(folder: Path) -> DetectorSettings:
    path = folder / SETTINGS
    if not path.is_file():
        raise RunError(f"{folder} is no detector: make one with `typica detect fit`")
    try:
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        settings = DetectorSettings(**kept)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} is damaged: copy the whole folder again") from error
    if settings.version != VERSION:
        raise RunError(f"{folder} was made by another version of typica: fit it again")
    return settings
