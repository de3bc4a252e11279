"""Writing a sound file of unknown length, so that it is whole even where the disk fills up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typica.core.files import replacing
from typica.data.pcm import to_codes
from typica.streaming.errors import StreamError

# Of a FLAC file, from its first byte: the samples of a block, and 64 bits of which the last 36
# count all samples, 0 while that is not known (RFC 9639, section 8.2).
FLAC_BLOCK, FLAC_COUNT, COUNT_BITS = slice(8, 10), slice(18, 26), 36


class SoundWriter:
    """A mono sound file of 16 bits that is being written.

    Attributes:
        written: Samples that are in it for certain.
    """

    def __init__(self, place: Path, format_: str, rate: int) -> None:
        import soundfile

        self.place, self.format, self.rate, self.written = place, format_, rate, 0
        self._file: Any = soundfile.SoundFile(
            place, "w", samplerate=rate, channels=1, format=format_.upper(), subtype="PCM_16"
        )

    def write(self, audio: NDArray[np.float32]) -> None:
        """Write amplitudes (samples,) in [-1, 1]."""
        self._file.write(to_codes(audio, 1.0))
        self.written += len(audio)

    def close(self) -> None:
        """Write its length into its head."""
        self._file.close()

    def salvage(self) -> int:
        """Make what was written before a fault a whole file; return the samples in it."""
        if self.format == "flac":
            self.written = _count_flac(self.place, self.written)
        return self.written


@contextmanager
def writing(path: Path, format_: str, rate: int) -> Iterator[SoundWriter]:
    """Open a sound file beside its place, and move it there once it is whole.

    A fault while it is written ends it; what was written before is kept.

    Raises:
        StreamError: The disk takes no more.
        DiskError: The place may not be written to.
    """
    import soundfile

    fault = None
    with replacing(path) as place:
        try:
            writer = SoundWriter(place, format_, rate)
        except soundfile.SoundFileError as error:
            raise StreamError(f"cannot write {path}: is there room on the disk?") from error
        try:
            try:
                yield writer
            finally:
                writer.close()
        except (OSError, soundfile.SoundFileError) as error:
            if not writer.salvage():
                raise StreamError(f"cannot write {path}: is there room on the disk?") from error
            fault = error
    if fault is not None:
        raise StreamError(
            f"{path} ends early, at {writer.written / rate:.1f} s: the disk takes no more, so "
            f"make room; what was written is whole"
        ) from fault


def _count_flac(place: Path, written: int) -> int:
    """Write into the head of a broken FLAC file how many samples it holds, in whole blocks."""
    with place.open("r+b") as file:
        head = bytearray(file.read(FLAC_COUNT.stop))
        if len(head) < FLAC_COUNT.stop:
            return 0
        block = int.from_bytes(head[FLAC_BLOCK])
        # The coder holds a block back until it has seen the first sample of the next.
        count = max(0, written - 1) // block * block
        known = int.from_bytes(head[FLAC_COUNT]) >> COUNT_BITS << COUNT_BITS
        head[FLAC_COUNT] = (known | count).to_bytes(8)
        file.seek(0)
        file.write(head)
    return count
