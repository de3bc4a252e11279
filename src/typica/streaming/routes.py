"""What the web server answers: the page, the endless files, the socket, the figures."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from typica.data.pcm import to_codes
from typica.streaming.block import Block
from typica.streaming.chronicle import as_json
from typica.streaming.encoder import ENCODERS
from typica.streaming.listener import Listener
from typica.streaming.station import Station

CAPACITY_S = 20.0  # that a listener may fall behind
FORBIDDEN = 1008  # policy violation, as RFC 6455 numbers it
MOST = 2**31  # of what a page can say of itself
STATE_EVERY_S = 1.0
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
INDEX = "index.html"
POLICY = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:"
FRESH = {"Cache-Control": "no-store"}
PROMETHEUS = "text/plain; version=0.0.4"


def application(station: Station) -> Starlette:
    """Return the web application of a station."""
    files = resources.files("typica.streaming").joinpath("page").iterdir()
    routes = [
        *(_page(file) for file in files),
        Route("/state", _told(lambda request: JSONResponse(station.state(), headers=FRESH))),
        Route("/metrics", _told(lambda request: _metrics(station, request))),
        *(Route(f"/stream.{name}", EndlessFile(station, name)) for name in ("wav", "flac")),
        WebSocketRoute("/ws", lambda socket: Conversation(station, socket).hold()),
    ]
    return Starlette(routes=routes)


Handler = Callable[[Request], Awaitable[Response]]


def _told(answer: Callable[[Request], Response]) -> Handler:
    async def handle(request: Request) -> Response:
        return answer(request)

    return handle


def _page(file: Traversable) -> Route:
    text, kind = file.read_text("utf-8"), KINDS[Path(file.name).suffix]
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    path = "/" if file.name == INDEX else f"/{file.name}"
    return Route(path, _told(lambda request: Response(text, media_type=kind, headers=headers)))


def _metrics(station: Station, request: Request) -> Response:
    """Answer in Prometheus' text to whom asks for text, else in JSON."""
    wanted = request.headers.get("accept", "")
    if "text/plain" in wanted or "openmetrics" in wanted:
        return Response(station.prometheus(), media_type=PROMETHEUS, headers=FRESH)
    return JSONResponse(as_json(station.broadcast.metrics()), headers=FRESH)


class EndlessFile:
    """A file that goes on for as long as the stream does."""

    def __init__(self, station: Station, format_: str) -> None:
        self.station, self.format = station, format_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it until the stream ends, or its listener goes or falls behind."""
        coder = ENCODERS[self.format](self.station.broadcast.rate)
        headers = {**FRESH, "X-Content-Type-Options": "nosniff"}
        start = Response(b"", media_type=coder.content_type, headers=headers)
        del start.headers["content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": start.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return

        async def talk(listener: Listener) -> None:
            await _send_part(send, coder.begin())
            async for block in _blocks(listener):
                await _send_part(send, coder.encode(block.audio))
            if listener.dropped:  # a file without an end tells the player that it was cut off
                return
            await _send_part(send, coder.end())
            await send({"type": "http.response.body", "body": b""})

        broadcast = self.station.broadcast
        listener = broadcast.listen(scope["path"], capacity_s=CAPACITY_S, patience="leave")
        try:
            await _first_of(talk(listener), _gone(receive), _dropped(listener))
        finally:
            broadcast.leave(listener)


async def _send_part(send: Send, data: bytes) -> None:
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _dropped(listener: Listener) -> None:
    """Wait until a listener was shown the door: one that stalls hears nothing of it itself."""
    while not listener.dropped:
        await asyncio.sleep(0.5)


class Conversation:
    """A socket that carries samples, as bytes, and words, as JSON, in the order they happen.

    Bytes are the number of the first sample (64 bits, unsigned, lower byte first), then 16-bit
    samples. Words are `{"type": "state", ...}` at first, `{"type": "block", "at": ..., "reading":
    ..., "events": ...}` for each block, and `{"type": "metrics", ...}` every second. The page
    tells how it is with `{"underruns": ..., "buffer_s": ...}`.
    """

    def __init__(self, station: Station, socket: WebSocket) -> None:
        self.station, self.socket = station, socket

    async def hold(self) -> None:
        """Talk until either side has had enough; pages from elsewhere are not talked to."""
        if not _is_own_page(self.socket):
            await self.socket.close(code=FORBIDDEN)
            return
        await self.socket.accept()
        broadcast = self.station.broadcast
        listener = broadcast.listen("the page", capacity_s=CAPACITY_S, patience="skip")
        try:
            await self._say({"type": "state", **self.station.state()})
            await _first_of(self._play(listener), self._tell(), self._hear(listener))
        finally:
            broadcast.leave(listener)
        with suppress(RuntimeError, WebSocketDisconnect):
            await self.socket.close()

    async def _play(self, listener: Listener) -> None:
        async for block in _blocks(listener):
            if block.reading or block.events:
                words = {"at": block.at, "reading": block.reading, "events": block.events}
                await self._say({"type": "block", **words})
            samples = to_codes(block.audio, 1.0).tobytes()
            await self.socket.send_bytes(struct.pack("<Q", block.at) + samples)
        await self._say({"type": "end"})

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(STATE_EVERY_S)
            await self._say({"type": "metrics", **self.station.broadcast.metrics()})

    async def _hear(self, listener: Listener) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                message = await self.socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                _note(listener, message.get("text") or "")

    async def _say(self, words: dict[str, object]) -> None:
        await self.socket.send_text(json.dumps(as_json(words)))


def _note(listener: Listener, words: str) -> None:
    """Note what a page says of itself; what is no such thing is passed over."""
    with suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
        told = json.loads(words)
        underruns, buffer_s = int(told["underruns"]), float(told["buffer_s"])
        if 0 <= underruns <= MOST and 0 <= buffer_s <= MOST:  # which NaN is not
            # A count never falls, whatever a page says.
            listener.underruns = max(listener.underruns, underruns)
            listener.own_buffer_s = buffer_s


def _is_own_page(socket: WebSocket) -> bool:
    """Tell whether a socket was opened by this server's own page, or by no page at all.

    A browser tells which page opens a socket, and lets any page do so.
    """
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _blocks(listener: Listener) -> AsyncIterator[Block]:
    """Yield the blocks of a listener in an event loop."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def awake() -> None:
        with suppress(RuntimeError):  # of a loop that was closed meanwhile
            loop.call_soon_threadsafe(news.set)

    listener.awake = awake
    while True:
        news.clear()
        ended = listener.ended  # before the last blocks are looked for, or some might follow
        while block := listener.take():
            yield block
        if ended:
            return
        await news.wait()


async def _first_of(*talks: Awaitable[None]) -> None:
    """Run until one has ended, and end the others."""
    tasks = [asyncio.ensure_future(talk) for talk in talks]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            with suppress(WebSocketDisconnect, OSError):
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
