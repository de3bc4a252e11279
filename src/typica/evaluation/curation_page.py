"""The page on which clips are heard, kept or dropped, named and put in order.

It is one file beside a folder of clips, and works from the disk as well as from a server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from typica.core.files import replacing
from typica.evaluation.curation import Curation, Placed
from typica.evaluation.ranking import CLIPPED, VISITED

PAGE, CLIPS = "index.html", "clips"
COPIED = 0.05  # share of the time from which on it is shown as odd


def write_page(
    folder: Path, name: str, placed: Sequence[Placed], curation: Curation | None, export: str
) -> Path:
    """Write the page into the folder of an album and return it.

    Args:
        folder: It holds `clips`.
        name: Of the album.
        placed: The clips, best first.
        curation: What was chosen already.
        export: The command that puts the kept clips together.

    Raises:
        DiskError: It cannot be written.
    """
    data = {
        "id": hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16],
        "about": _about(placed),
        "clips": [_told(one) for one in placed],
        "curation": None if curation is None else curation.to_json(),
    }
    text = Template(_file("page.html")).substitute(
        name=escape(name),
        export=escape(export),
        style=_file("page.css"),
        script=_file("page.js"),
        data=json.dumps(data).replace("<", "\\u003c"),  # a title may hold what ends a script
    )
    with replacing(folder / PAGE) as place:
        place.write_text(text, encoding="utf-8")
    return folder / PAGE


def _file(name: str) -> str:
    return resources.files("typica.evaluation").joinpath("clips_page", name).read_text("utf-8")


def _about(placed: Sequence[Placed]) -> str:
    seconds = sum(one.clip.seconds for one in placed)
    return f"{len(placed)} clips, {seconds / 60:.1f} minutes together. Keep what you like."


def _told(one: Placed) -> dict[str, Any]:
    """Return what the page is told of a clip."""
    clip = one.clip
    sound, picture = (f"{CLIPS}/{quote(clip.name)}.{kind}" for kind in ("wav", "png"))
    return {
        "name": clip.name,
        "place": one.place,
        "seed": clip.seed,
        "seconds": clip.seconds,
        "sound": sound,
        "picture": picture,
        "peaks": list(clip.peaks),
        "figures": _figures(one),
    }


def _figures(one: Placed) -> list[dict[str, Any]]:
    """Return figures in words, and which of them are odd."""
    stream = one.clip.stream
    worst = max(stream.traps, key=lambda kind: stream.traps[kind], default="")
    kinds = f" ({worst})" if stream.trapped >= VISITED else ""
    told: list[tuple[str, bool]] = [
        (f"in traps {stream.trapped:.0%}{kinds}", stream.trapped >= VISITED),
        (f"{stream.distance_db:.1f} dB from recordings", False),
        (f"clipped {stream.clipped:.1%}", stream.clipped >= CLIPPED),
    ]
    if stream.copied is not None:
        longest = max((copy.seconds for copy in stream.copies or ()), default=0.0)
        at_once = f" (up to {longest:.1f} s)" if longest else ""
        told.append((f"copied {stream.copied:.0%}{at_once}", stream.copied >= COPIED))
    if one.novelty is not None:
        told.append((f"new {one.novelty:.1f} dB", False))
    return [{"words": words, "odd": odd} for words, odd in told]
