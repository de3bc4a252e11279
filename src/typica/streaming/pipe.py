"""A stream on standard output, or into any pipe."""

from __future__ import annotations

import os
import select
from contextlib import suppress

from typica.streaming.encoder import encoder
from typica.streaming.listener import Listener
from typica.streaming.sink import Sink, heard


class Pipe(Sink):
    """Writes to a file descriptor, and goes as fast as it is read."""

    name = "the pipe"

    def __init__(self, descriptor: int, format_: str, length: int | None = None) -> None:
        """Get ready.

        Args:
            descriptor: An open one; it stays open.
            format_: raw, wav or flac.
            length: Samples that will come, if that is known.
        """
        self.descriptor, self.format, self.length = descriptor, format_, length

    def play(self, listener: Listener, rate: int) -> None:
        """See `Sink.play`; that the reader has gone is a good end."""
        coder = encoder(self.format, rate, self.length)
        with suppress(BrokenPipeError):
            self._write(coder.begin())
            for block in heard(listener):
                self._write(coder.encode(block.audio))
            self._write(coder.end())

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self.descriptor, data) :]
            except BlockingIOError:  # it was opened so that it makes nobody wait
                select.select((), (self.descriptor,), ())
