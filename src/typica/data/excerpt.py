"""A stretch of a sound file with its channels, read without holding the rest."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError, DataError
from typica.data.audiofile import AudioFile, open_audio
from typica.data.pcm import check_rate
from typica.signal.resample import resample_blocks

KEPT = 8  # channels that are kept apart, at most
LOUDEST = 2.0**31  # of full scale, as where integers were written as floating-point numbers


class Excerpt(NamedTuple):
    """A stretch of a recording.

    Attributes:
        mono: The mean of all channels, float32, (time,).
        channels: The first of the channels, at most `KEPT`, float32, (channels, time).
        channel_count: How many channels the file has.
        rate: Hertz, of both.
        file_rate: Hertz, of the file.
        start_s: Where the stretch begins in the file, in seconds.
        whole_s: How long the file is, in seconds, as it claims itself; None where nobody knows.
    """

    mono: NDArray[np.float32]
    channels: NDArray[np.float32]
    channel_count: int
    rate: int
    file_rate: int
    start_s: float
    whole_s: float | None

    @property
    def duration_s(self) -> float:
        """Length of the stretch in seconds."""
        return len(self.mono) / self.rate

    @property
    def stop_s(self) -> float:
        """Where the stretch ends in the file, in seconds."""
        return self.start_s + self.duration_s


def read_excerpt(
    path: Path, *, start_s: float = 0.0, seconds: float, rate: int | None = None
) -> Excerpt:
    """Read a stretch of a sound file; what comes after it is neither read nor checked.

    Args:
        path: Any file that preparing a corpus takes.
        start_s: Where to begin, in seconds.
        seconds: How much to read; less where the file ends before.
        rate: Hertz to resample to; those of the file where None.

    Raises:
        ConfigError: The stretch begins before the file or lasts no time.
        DataError: It cannot be read, ends before the stretch, or holds values that are no numbers.
    """
    if not (0 <= start_s < math.inf and 0 < seconds < math.inf):
        raise ConfigError(
            f"a stretch begins at 0 s or later and lasts longer than 0 s; got start {start_s:g} s "
            f"and length {seconds:g} s"
        )
    try:
        file = open_audio(Path(path), start_s=start_s)
        check_rate(file.rate)
        count, parts = _read(file, round(seconds * file.rate))
        if not parts:
            raise DataError(_too_short(file, start_s))
        audio = _resampled(np.concatenate(parts), file.rate, rate or file.rate)
        if not len(audio):
            raise DataError(f"too short: it holds no sample at {rate} Hz")
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error
    stop_s = start_s + len(audio) / (rate or file.rate)
    whole_s = None if file.claimed_s is None else max(file.claimed_s, stop_s)
    return Excerpt(
        audio[:, 0], audio[:, 1:].T, count, rate or file.rate, file.rate, start_s, whole_s
    )


def _read(file: AudioFile, frames: int) -> tuple[int, list[NDArray[np.float32]]]:
    """Return the number of channels, and blocks (frames, 1 + channels) with their mean first."""
    count, parts = 0, []
    try:
        for block in file.blocks:
            count = block.shape[1]
            part = block[:frames]
            _check(part)
            mean = part @ np.full(count, 1 / count, np.float32)
            parts.append(np.column_stack([mean, part[:, :KEPT]]))
            frames -= len(part)
            if frames <= 0:
                break
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    return count, parts


def _check(block: NDArray[np.float32]) -> None:
    if not np.isfinite(block).all():
        raise DataError("holds values that are not finite numbers")
    if np.abs(block).max(initial=0) > LOUDEST:
        raise DataError("holds amplitudes that no sound has, more than 2**31 of full scale")


def _too_short(file: AudioFile, start_s: float) -> str:
    if not start_s:
        return "it holds no samples"
    length = "" if file.claimed_s is None else f": it lasts {file.claimed_s:.2f} s"
    return f"nothing sounds at {start_s:g} s and after{length}"


def _resampled(audio: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    if rate == to:
        return audio
    columns = [
        np.concatenate(list(resample_blocks([column], rate, to)))
        for column in np.ascontiguousarray(audio.T)
    ]
    return np.stack(columns, axis=1)
