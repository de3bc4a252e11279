"""What a training leaves to be looked at: a line of figures every few steps, and sound."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from typica.core.files import DiskError, replacing
from typica.data.sound import write_audio

LOG, METRICS, SAMPLES = "log", "metrics.jsonl", "samples"


class Record:
    """The log of a run: `log/metrics.jsonl` always, TensorBoard's files where it is installed.

    Args:
        folder: The run's.
        step: Steps already taken; lines of later ones, which a killed process left, are dropped.

    Raises:
        DiskError: The disk is full.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.folder = folder
        self.path = folder / LOG / METRICS
        with _room(self.path):
            self.path.parent.mkdir(exist_ok=True)
            _cut(self.path, step)
            self._board = _board(folder / LOG, step)
            self._file = self.path.open("a")

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Write one line; a figure that is not a number becomes null.

        Raises:
            DiskError: The disk is full.
        """
        line = {n: v if math.isfinite(v) else None for n, v in figures.items()}
        with _room(self.path):
            self._file.write(json.dumps({"step": step} | line) + "\n")
            self._file.flush()
            for name, value in figures.items() if self._board else ():
                self._board.add_scalar(name, value, step)

    def sound(self, step: int, audio: Tensor, rate: int) -> Path:
        """Write audio (channels, time) as `samples/step-….wav`."""
        path = self.folder / SAMPLES / f"step-{step:08d}.wav"
        write_audio(path, audio, rate)
        with _room(self.path):
            if self._board:
                self._board.add_audio("sample", audio.mean(0), step, sample_rate=rate)
        return path

    def close(self) -> None:
        """End the files.

        Raises:
            DiskError: The disk is full.
        """
        with _room(self.path):
            self._file.close()
            if self._board:
                self._board.close()


@contextmanager
def _room(path: Path) -> Iterator[None]:
    """Say in one sentence that a log could not be written."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"cannot write {path}: {(error.strerror or str(error)).lower()}; the checkpoints are "
            f"whole: make room and go on with --resume"
        ) from error


def _cut(path: Path, step: int) -> None:
    """Drop the lines of steps after `step`, and one that was cut short."""
    if not path.exists():
        return
    lines = path.read_text().splitlines()
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    with replacing(path) as place:
        place.write_text("".join(line + "\n" for line in kept))


def _board(folder: Path, step: int) -> Any:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
