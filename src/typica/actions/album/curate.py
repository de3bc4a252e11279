"""Serving the page of an album's clips, so that what is chosen is saved."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from typica.actions.album.page import write_curation_page
from typica.actions.album.project import CLIPS, open_project
from typica.core.errors import RunError
from typica.core.files import write_json
from typica.core.progress import SILENT, Progress
from typica.evaluation.curation import CURATION, Curation
from typica.evaluation.curation_page import PAGE
from typica.streaming.server import listen


def curate(album: Path, http: str, progress: Progress = SILENT) -> None:
    """Serve the page of an album until Ctrl-C; what is chosen on it is saved to `curation.json`.

    Args:
        album: Its folder.
        http: Address, as in "127.0.0.1:8000".
        progress: Hears where it is found.

    Raises:
        RunError: There is no album, or it has no clips yet.
        StreamError: The address is none, or is taken.
    """
    project = open_project(album)
    if not any((album / CLIPS).glob("clip-*.json")):
        command = shlex.join(["typica", "album", str(album), "--no-stream"])
        raise RunError(f"{album} has no clips yet: draw them by {command}")
    with listen(http) as place:
        write_curation_page(project)
        from typica.streaming.curating import address_of, application, server

        web = application(album / PAGE, album / CLIPS, album / CURATION, saver(album))
        progress.say(f"choose at {address_of(place)}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):  # which is how it ends
            server(web).run(sockets=[place])


def saver(album: Path) -> Callable[[object], None]:
    """Return what keeps a curation in the folder of an album."""

    def save(plain: object) -> None:
        write_json(album / CURATION, Curation.from_json(plain).to_json())

    return save
