"""A stream in files: one, or segments that follow one another without a gap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from typica.core.errors import ConfigError, did_you_mean
from typica.streaming.encoder import WIDTH
from typica.streaming.errors import StreamError
from typica.streaming.listener import Listener
from typica.streaming.sink import Sink, heard
from typica.streaming.sound_file import writing

SUFFIXES = {"wav": ".wav", "flac": ".flac"}
LARGEST = {"wav": (1 << 32) - 4096, "flac": 1 << 37}  # bytes of samples that a file can count


class Recording(Sink):
    """One file, in its place once it is whole, however the stream ends."""

    when_live = "leave"

    def __init__(self, path: Path) -> None:
        """Get ready.

        Raises:
            ConfigError: The file's name does not end as one of a format that can be written.
        """
        self.path, self.name = path, str(path)
        self.format = format_of(path)

    def play(self, listener: Listener, rate: int) -> None:
        """See `Sink.play`."""
        left = LARGEST[self.format] // WIDTH
        with writing(self.path, self.format, rate) as file:
            for block in heard(listener):
                file.write(block.audio[:left])
                left -= len(block.audio)
                if left <= 0:
                    break
        if left <= 0:
            raise StreamError(f"{self.path} is as large as it can be: use --segment-seconds")
        if listener.dropped:
            raise StreamError(f"{self.path} ends early: the disk was too slow for the stream")


class Segments(Sink):
    """A folder of files of equal length, the newest of which are kept."""

    when_live = "leave"

    def __init__(
        self, folder: Path, seconds: float, keep: int | None = None, format_: str = "wav"
    ) -> None:
        """Get ready.

        Args:
            folder: Numbers go on from those in it.
            seconds: Length of each file.
            keep: How many to keep; older ones, of earlier streams too, are deleted.
            format_: wav or flac.

        Raises:
            ConfigError: A setting is out of range.
        """
        if seconds <= 0 or (keep is not None and keep < 1):
            raise ConfigError(f"segments must be longer than 0 s, and 1 kept: {seconds:g}, {keep}")
        if format_ not in SUFFIXES:
            raise ConfigError(f"segments cannot be {format_}: {did_you_mean(format_, SUFFIXES)}")
        self.folder, self.seconds, self.keep, self.format = folder, seconds, keep, format_
        self.name = str(folder)

    def play(self, listener: Listener, rate: int) -> None:
        """See `Sink.play`."""
        number = max((number for number, _ in self._there()), default=0)
        for audio in _cut(listener, max(1, round(self.seconds * rate))):
            number += 1
            path = self.folder / f"segment-{number:06d}{SUFFIXES[self.format]}"
            with writing(path, self.format, rate) as file:
                for part in audio:
                    file.write(part)
            self._tidy()
        if listener.dropped:
            raise StreamError(f"{self.folder} ends early: the disk was too slow for the stream")

    def _there(self) -> list[tuple[int, Path]]:
        """Return the segments in the folder with their numbers, oldest first."""
        found = ((re.fullmatch(r"segment-(\d+)", p.stem), p) for p in self.folder.glob("segment-*"))
        suffixes = SUFFIXES.values()
        return sorted((int(m[1]), p) for m, p in found if m and p.suffix in suffixes)

    def _tidy(self) -> None:
        if self.keep is None:
            return
        for _, path in self._there()[: -self.keep]:
            path.unlink(missing_ok=True)


def format_of(path: Path) -> str:
    """Return the format that the name of a file asks for.

    Raises:
        ConfigError: It ends as no format does that can be written.
    """
    for name, suffix in SUFFIXES.items():
        if path.suffix.lower() == suffix:
            return name
    raise ConfigError(
        f"{path} should end in {' or '.join(SUFFIXES.values())}, or be - for standard output; "
        f"a folder takes --segment-seconds"
    )


def _cut(listener: Listener, length: int) -> Iterator[Iterator[np.ndarray]]:
    """Yield stretches of `length` samples, each as parts that must be taken before the next."""
    parts = (block.audio for block in heard(listener))
    waiting = next(parts, None)

    def stretch() -> Iterator[np.ndarray]:
        nonlocal waiting
        left = length
        while left and waiting is not None:
            part, rest = waiting[:left], waiting[left:]
            left -= len(part)
            yield part
            waiting = rest if len(rest) else next(parts, None)

    while waiting is not None:
        yield stretch()
