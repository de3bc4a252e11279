"""A stream over HTTP: a page, players, programs, many listeners on one generation."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from typica.core.errors import MissingFeatureError
from typica.streaming.errors import StreamError
from typica.streaming.station import Station

if TYPE_CHECKING:
    import uvicorn

MOST = 256  # connections at a time, stalled ones included
PATIENCE_S = 2  # that connections get to end in
SWEEP_EVERY_S = 5.0  # for connections that end and nobody reads
MESSAGE = 4096  # bytes that a page may say at a time


class Server:
    """A web server in a thread of its own.

    Attributes:
        address: Where it is found, as in "http://127.0.0.1:8000".
    """

    def __init__(self, station: Station, place: socket.socket) -> None:
        """Get ready to answer at a place that `listen` gave."""
        self._server = _server(station)
        self._socket = place
        host, port = place.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End when the connections do, or a little later."""
        self._server.should_exit = True
        self._thread.join(2 * PATIENCE_S)
        self._socket.close()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._answer())

    async def _answer(self) -> None:
        sweeping = asyncio.create_task(self._sweep())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            sweeping.cancel()

    async def _sweep(self) -> None:
        """Cut connections that were closed while the other side took nothing more.

        They would wait for it without end, and keep their places.
        """
        waiting: dict[asyncio.Transport, int] = {}
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            lines = [one.transport for one in self._server.server_state.connections]
            closing = [line for line in lines if line is not None and line.is_closing()]
            before, waiting = waiting, {one: one.get_write_buffer_size() for one in closing}
            for line, bytes_left in waiting.items():
                if before.get(line) == bytes_left:
                    line.abort()


def listen(address: str) -> socket.socket:
    """Take the port of "127.0.0.1:8000", ":8000" or "8000"; 0 takes any that is free.

    Raises:
        MissingFeatureError: starlette, uvicorn or websockets is not installed.
        StreamError: It is no address, it is taken, or it is not this machine's.
    """
    check_installed()
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MOST)
    except OSError as error:
        reason = (error.strerror or str(error)).lower().split(" (while")[0]
        raise StreamError(
            f"cannot listen at {host}:{port}: {reason}; choose another with --http {host}:PORT"
        ) from error


def parse_address(address: str) -> tuple[str, int]:
    """Return the host and the port of an address.

    Raises:
        StreamError: It is none.
    """
    host, _, port = address.rpartition(":")
    if not (port.isdecimal() and int(port) < 1 << 16):
        raise StreamError(f"--http takes HOST:PORT, as in 127.0.0.1:8000, got {address!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def check_installed() -> None:
    """Refuse to go on where nothing can listen.

    Raises:
        MissingFeatureError: starlette, uvicorn or websockets is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        packages = "starlette, uvicorn and websockets"
        raise MissingFeatureError("listening over HTTP", packages, "studio") from error


def _server(station: Station) -> uvicorn.Server:
    import uvicorn

    from typica.streaming.routes import application

    return uvicorn.Server(
        uvicorn.Config(
            application(station),
            # Before uvicorn 0.53 it wrote without end to a page that had stalled.
            ws="websockets-sansio",
            ws_max_size=MESSAGE,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            limit_concurrency=MOST,
            timeout_graceful_shutdown=PATIENCE_S,
        )
    )
