"""A stream on the sound card, by PortAudio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from typica.core.errors import MissingFeatureError
from typica.signal.resample import resample_blocks
from typica.streaming.errors import StreamError
from typica.streaming.listener import Listener
from typica.streaming.sink import Sink, heard

LATENCY = "high"  # nobody plays along: rather late than torn
LIBRARY = "apt install libportaudio2, or brew install portaudio"


class SoundCard(Sink):
    """The system's own choice of output."""

    name = "the sound card"
    live = True
    capacity_s = 4.0

    def __init__(self) -> None:
        """Find it.

        Raises:
            MissingFeatureError: sounddevice is not installed.
            StreamError: PortAudio or a device is missing.
        """
        self._library = _library()
        self._default = _default_rate(self._library)

    def play(self, listener: Listener, rate: int) -> None:
        """See `Sink.play`."""
        played_at = rate if self._takes(rate) else self._default
        audio = (block.audio for block in heard(listener))
        try:
            with self._library.OutputStream(
                samplerate=played_at, channels=1, dtype="float32", latency=LATENCY
            ) as stream:
                for part in _filled(resample_blocks(audio, rate, played_at)):
                    listener.underruns += bool(stream.write(part))
        except self._library.PortAudioError as error:
            raise StreamError(f"the sound card does not play: {error}") from error

    def _takes(self, rate: int) -> bool:
        try:
            self._library.check_output_settings(channels=1, dtype="float32", samplerate=rate)
        except self._library.PortAudioError:
            return False
        return True


def _filled(parts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield contiguous parts that hold anything."""
    return (np.ascontiguousarray(part)[:, None] for part in parts if len(part))


def _library() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise MissingFeatureError("the sound card", "sounddevice", "play") from error
    except OSError as error:
        raise StreamError(f"the sound card needs PortAudio: {LIBRARY}") from error
    return sounddevice


def _default_rate(library: Any) -> int:
    """Return the rate that the device would choose, in hertz."""
    try:
        return round(library.query_devices(kind="output")["default_samplerate"])
    except (library.PortAudioError, ValueError) as error:
        raise StreamError("there is no sound card that plays: plug one in") from error
