"""The page of an album's clips on a server: what is chosen there is saved beside the clips."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from typica.core.errors import TypicaError

if TYPE_CHECKING:
    import uvicorn

LARGEST = 4 << 20  # bytes that a page may send
FRESH = {"Cache-Control": "no-store"}

Save = Callable[[object], None]


def application(page: Path, clips: Path, curation: Path, save: Save) -> Starlette:
    """Return a web application that shows a page and saves what it sends; nothing else is served.

    Args:
        page: The page, at `/`.
        clips: Folder of sounds and pictures, at `/clips`.
        curation: What was saved, at `/curation.json`.
        save: Takes what a page sends, and raises a TypicaError where it makes no sense.
    """

    async def answer(_: Request) -> Response:
        return FileResponse(page, headers=FRESH)

    async def tell(_: Request) -> Response:
        text = curation.read_bytes() if curation.exists() else b"null"  # nothing was chosen yet
        headers = {**FRESH, "ETag": _mark(curation)}
        return Response(text, headers=headers, media_type="application/json")

    return Starlette(
        routes=[
            Route("/", answer),
            Route("/curation.json", tell, methods=["GET"]),
            Route("/curation.json", _saving(curation, save), methods=["PUT"]),
            Mount("/clips", StaticFiles(directory=clips)),
        ]
    )


def server(application: Starlette) -> uvicorn.Server:
    """Return what serves an application; `run(sockets=[...])` ends at Ctrl-C."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(application, lifespan="off", log_config=None, access_log=False)
    )


def address_of(place: socket.socket) -> str:
    """Return where a socket is found, as in "http://127.0.0.1:8000"."""
    host, port = place.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _mark(curation: Path) -> str:
    """Return what tells one curation from another, as an entity tag of HTTP."""
    text = curation.read_bytes() if curation.exists() else b""
    return f'"{hashlib.sha256(text).hexdigest()[:32]}"'


def _saving(curation: Path, save: Save) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        # A page from elsewhere cannot send this kind without asking first, and is not answered.
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return PlainTextResponse("send JSON", 415)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return PlainTextResponse("too long", 413)
        # A window that was left open knows nothing of what was chosen since in another one.
        if request.headers.get("if-match", _mark(curation)) != _mark(curation):
            return PlainTextResponse("other choices were saved meanwhile: load the page again", 412)
        try:
            save(json.loads(body))
        except (TypicaError, ValueError, RecursionError) as error:
            return PlainTextResponse(str(error), 422)
        return JSONResponse({"saved": True}, headers={"ETag": _mark(curation)})

    return take
