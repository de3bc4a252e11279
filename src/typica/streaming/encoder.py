"""Sound as bytes that can be sent before its end is known: bare samples, WAV, FLAC."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError, did_you_mean
from typica.data.pcm import to_codes

UNKNOWN = 0xFFFFFFFF  # the length of a WAV stream that nobody knows
WIDTH = 2  # bytes of a sample


class Encoder(ABC):
    """Mono audio as bytes of 16-bit samples.

    Attributes:
        content_type: As HTTP names it.
    """

    content_type: ClassVar[str]

    @abstractmethod
    def begin(self) -> bytes:
        """Return what stands before the first sample."""

    @abstractmethod
    def encode(self, audio: NDArray[np.float32]) -> bytes:
        """Return the bytes of amplitudes (samples,) in [-1, 1]; some may be kept till later."""

    def end(self) -> bytes:
        """Return what was kept."""
        return b""


class Raw(Encoder):
    """Bare samples, signed, lower byte first."""

    content_type = "application/octet-stream"

    def __init__(self, rate: int, length: int | None = None) -> None:
        self.rate, self.length = rate, length

    def begin(self) -> bytes:
        """See `Encoder.begin`."""
        return b""

    def encode(self, audio: NDArray[np.float32]) -> bytes:
        """See `Encoder.encode`."""
        return to_codes(audio, 1.0).tobytes()


class Wav(Raw):
    """A WAV file; of unknown length unless it is told how many samples will come."""

    content_type = "audio/wav"

    def begin(self) -> bytes:
        """See `Encoder.begin`."""
        size = UNKNOWN if self.length is None else min(self.length * WIDTH, UNKNOWN)
        shape = struct.pack("<HHIIHH", 1, 1, self.rate, self.rate * WIDTH, WIDTH, 8 * WIDTH)
        chunks = b"WAVE" + _chunk(b"fmt ", len(shape)) + shape + _chunk(b"data", size)
        return _chunk(b"RIFF", min(len(chunks) + size, UNKNOWN)) + chunks


class Flac(Encoder):
    """A FLAC stream of unknown length."""

    content_type = "audio/flac"

    def __init__(self, rate: int, length: int | None = None) -> None:
        import soundfile

        self._outlet = _Outlet()
        self._file = soundfile.SoundFile(
            self._outlet, "w", samplerate=rate, channels=1, format="FLAC", subtype="PCM_16"
        )

    def begin(self) -> bytes:
        """See `Encoder.begin`."""
        return self._outlet.drain()

    def encode(self, audio: NDArray[np.float32]) -> bytes:
        """See `Encoder.encode`."""
        self._file.write(to_codes(audio, 1.0))
        return self._outlet.drain()

    def end(self) -> bytes:
        """See `Encoder.end`."""
        self._file.close()
        return self._outlet.drain()


class _Outlet:
    """A file for libsndfile to write to, of which the bytes written are taken away.

    At the end it goes back to write the length into the head, which is long gone: a decoder
    takes a FLAC stream without.
    """

    def __init__(self) -> None:
        self._at = self._end = 0
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        if self._at == self._end:
            self._parts.append(bytes(data))
            self._end += len(data)
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def drain(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


ENCODERS: dict[str, Callable[..., Encoder]] = {"raw": Raw, "wav": Wav, "flac": Flac}


def encoder(name: str, rate: int, length: int | None = None) -> Encoder:
    """Return an encoder by its name.

    Args:
        name: raw, wav or flac.
        rate: Hertz.
        length: Samples that will come, if that is known.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in ENCODERS:
        raise ConfigError(f"there is no format {name!r}: {did_you_mean(name, ENCODERS)}")
    return ENCODERS[name](rate, length)


def _chunk(name: bytes, size: int) -> bytes:
    return name + struct.pack("<I", size)
