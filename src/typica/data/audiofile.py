"""Reading sound files block by block: one decoder for the common formats, another for the rest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from typica.core.errors import DataError, MissingFeatureError
from typica.data.truncation import check_uncut

BLOCK = 1 << 16  # values decoded at once, over all channels: memory stays bounded

# libsndfile tells these apart by their content; a name with such an ending that it cannot read
# is a broken sound file, any other is none.
SOUND = frozenset(
    (".wav", ".wave", ".w64", ".rf64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf")
    + (".flac", ".ogg", ".oga", ".opus", ".mp3")
)
MEDIA = frozenset(
    (".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".aac", ".ac3", ".amr", ".wma", ".avi")
    + (".webm", ".mka", ".mkv", ".ape", ".wv", ".tta")
)


class AudioFile(NamedTuple):
    """A sound file that has been opened.

    Attributes:
        rate: Sampling rate in hertz.
        blocks: Float32 arrays (frames, channels); reading them may raise DataError.
        claimed_s: Seconds that the whole file claims to last; None where it does not say.
    """

    rate: int
    blocks: Iterator[np.ndarray]
    claimed_s: float | None = None


def open_audio(path: Path, *, start_s: float = 0.0) -> AudioFile:
    """Begin to read a sound file.

    Args:
        path: The file.
        start_s: Seconds at its beginning that are passed over.

    Raises:
        DataError: It cannot be read; the message is the reason alone, "kind" or "kind: detail".
    """
    check_file(path)
    if path.suffix.lower() in MEDIA:
        return _open_media(path, start_s)
    try:
        # A name that is no valid text reaches the disk as the bytes it is made of.
        file = _Onward(path if os.name == "nt" else os.fsencode(path))
    except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
        known = path.suffix.lower() in SOUND
        raise DataError("broken sound file" if known else "not a sound file") from error
    check_uncut(path)
    start = round(start_s * file.samplerate)
    # libsndfile counts to this number where it does not know.
    claimed_s = file.frames / file.samplerate if 0 < file.frames < (1 << 62) else None
    passed = _sought(file, start)
    return AudioFile(
        file.samplerate, _behind(start - passed, _sound_blocks(file, passed)), claimed_s
    )


def check_file(path: Path) -> None:
    """Refuse what a decoder would describe badly, or wait for without end.

    Raises:
        DataError: It is no file, is empty or cannot be opened; the message is the reason alone.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError("not a file: a device, pipe or socket")
        if status.st_size == 0:
            raise DataError("empty file")
        path.open("rb").close()
    except OSError as error:
        raise DataError(f"cannot be opened: {(error.strerror or str(error)).lower()}") from error


class _Onward(soundfile.SoundFile):
    """A sound file that is read from its beginning to its end.

    After each block `soundfile` seeks the place where it is already, if seeking is possible. In
    an mp3 file the decoder then begins anew, without what it needs of the past: a click.
    """

    def seekable(self) -> bool:
        """Tell that it cannot be sought in."""
        return False


def _sound_blocks(file: soundfile.SoundFile, done: int) -> Iterator[np.ndarray]:
    with file:
        frames = max(1, BLOCK // file.channels)
        while True:
            try:
                block = file.read(frames, dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, OSError, ValueError) as error:
                raise DataError(_broken_after(done, file.samplerate)) from error
            if not len(block):
                return
            done += len(block)
            yield block


def _sought(file: soundfile.SoundFile, start: int) -> int:
    """Seek a place, and return which frame comes next: the first where it cannot be sought."""
    if not start:
        return 0
    try:
        return int(file.seek(min(start, file.frames)))
    except (soundfile.SoundFileError, OSError, ValueError):  # it is read up to the place instead
        return 0


def _open_media(path: Path, start_s: float) -> AudioFile:
    try:
        import av
    except ImportError as error:
        missing = MissingFeatureError(f"a {path.suffix.lower()} file", "av", "media")
        raise DataError(str(missing)) from error
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise DataError("broken sound file") from error
    if not container.streams.audio or not container.streams.audio[0].rate:
        container.close()
        raise DataError("holds no sound")
    rate = container.streams.audio[0].rate
    claimed_s = container.duration / av.time_base if container.duration else None
    return AudioFile(rate, _behind(round(start_s * rate), _media_blocks(container)), claimed_s)


def _behind(start: int, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Leave out the first frames."""
    for block in blocks:
        if len(block) > start:
            yield block[start:]
        start = max(0, start - len(block))


def _media_blocks(container: Any) -> Iterator[np.ndarray]:
    import av

    stream = container.streams.audio[0]
    as_float = av.AudioResampler(format="fltp", rate=stream.rate)
    done = 0
    with container:
        frames = container.decode(stream)
        while True:
            try:
                frame = next(frames, None)
                blocks = [part.to_ndarray().T for part in as_float.resample(frame)]
            except (av.error.FFmpegError, ValueError, OSError) as error:
                raise DataError(_broken_after(done, stream.rate)) from error
            yield from blocks
            if frame is None:
                return
            done += frame.samples


def _broken_after(frames: int, rate: int) -> str:
    return f"broken sound file: it cannot be decoded after {frames / rate:.1f} s"
