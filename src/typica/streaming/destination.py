"""Where a stream goes, from what a user asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from typica.core.errors import ConfigError, did_you_mean
from typica.streaming.encoder import ENCODERS
from typica.streaming.errors import StreamError
from typica.streaming.pipe import Pipe
from typica.streaming.recording import Recording, Segments, format_of
from typica.streaming.sink import Sink
from typica.streaming.sound_card import SoundCard

SEGMENT_S = 60.0
PIPE = "-"
STANDARD_OUTPUT = 1


@dataclass(frozen=True)
class Destination:
    """What a user asked for.

    Attributes:
        out: A sound file, a folder for segments, "-" for standard output, or None.
        format: raw, wav or flac, where the name of a file does not say it.
        segment_seconds: Length of each segment.
        keep: Segments to keep; all if left out.
    """

    out: str | None = None
    format: str | None = None
    segment_seconds: float | None = None
    keep: int | None = None

    def sinks(self, *, length: int | None, served: bool) -> list[Sink]:
        """Return where it goes: the sound card where nothing was asked for, or none if served.

        Args:
            length: Samples that will come, if that is known.
            served: Whether it can be heard over HTTP.

        Raises:
            TypicaError: What was asked for contradicts itself, or cannot be had here.
        """
        self._check()
        if self.out is None:
            return [] if served else [_sound_card()]
        if self.out == PIPE:
            return [self._pipe(length)]
        return [self._segments() if self._in_segments() else self._recording()]

    def _check(self) -> None:
        if self.format is not None and self.format not in ENCODERS:
            mend = did_you_mean(self.format, ENCODERS)
            raise ConfigError(f"there is no format {self.format!r}: {mend}")
        segments = {"--segment-seconds": self.segment_seconds, "--keep": self.keep}
        given = [name for name, value in segments.items() if value is not None]
        if given and self.out in (None, PIPE):
            raise ConfigError(f"{' and '.join(given)} are of files: give -o FOLDER/")
        if self.format and self.out is None:
            raise ConfigError("--format is of files and pipes: give -o FILE, FOLDER/ or -")
        if self.keep and not self._in_segments():
            raise ConfigError("--keep is of segments: give -o FOLDER/ or --segment-seconds")

    def _in_segments(self) -> bool:
        out = self.out or ""
        return self.segment_seconds is not None or out.endswith(os.sep) or Path(out).is_dir()

    def _pipe(self, length: int | None) -> Sink:
        if os.isatty(STANDARD_OUTPUT):
            raise StreamError(
                "standard output is a terminal: pipe it on, as in `typica stream RUN -o - | "
                "aplay`, or give -o FILE.wav"
            )
        return Pipe(STANDARD_OUTPUT, self.format or "wav", length)

    def _segments(self) -> Sink:
        seconds = SEGMENT_S if self.segment_seconds is None else self.segment_seconds
        return Segments(Path(self.out or ""), seconds, self.keep, self.format or "wav")

    def _recording(self) -> Sink:
        path = Path(self.out or "")
        if self.format is not None and self.format != format_of(path):
            raise ConfigError(f"{path} does not end as a {self.format} file does")
        return Recording(path)


def _sound_card() -> Sink:
    try:
        return SoundCard()
    except Exception as error:
        where = "or give --http 127.0.0.1:8000 to listen in a browser, or -o FILE.wav"
        raise StreamError(f"{error}; {where}") from error
