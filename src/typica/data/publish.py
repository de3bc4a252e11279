"""Making a corpus of shards that are whole: gathering, splitting, and putting it in place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from typica.core.config import write_yaml
from typica.core.files import replacing
from typica.data import note_table, shards
from typica.data.corpus import INDEX, INFO, REFUSED, SHARDS, Corpus, fingerprint
from typica.data.source import Fact, Source, TrackKind
from typica.data.spans import divide
from typica.data.split import assign
from typica.data.units import Settings, Unit

Lines = list[dict[str, Any]]


def gather(folder: Path, units: Iterable[Unit]) -> tuple[Lines, Lines]:
    """Return the lines of recordings to keep, by id, and those of what is refused."""
    kept: Lines = []
    refused: Lines = []
    first: dict[str, str] = {}
    for unit in units:
        for line in shards.read_index(folder, unit.name):
            if "file" in line:
                refused.append(line)
            elif line["digest"] in first:
                reason = f"repeated: the same sound as {first[line['digest']]}"
                refused.append({"file": line["id"], "reason": reason})
            else:
                first[line["digest"]] = line["id"]
                kept.append(line | {"shard": unit.name})
    return kept, refused


def publish(
    source: Source, folder: Path, settings: Settings, kept: Lines, refused: Lines
) -> Corpus:
    """Write what makes a folder of shards a corpus; before, an earlier one is still whole."""
    labels = sorted({line["label"] for line in kept} - {None})
    numbers = {label: number for number, label in enumerate(labels)}
    parts = _split(source, folder, settings, kept)
    lines = [line | {"label": numbers.get(line["label"])} for line in parts]
    info = {
        "name": folder.name,
        "licence": source.licence,
        "made": source.made,
        "source": source.origin,
        **settings._asdict(),
        "labels": labels,
        "tracks": {name: kind._asdict() for name, kind in _tracks(source, settings).items()},
        "recordings": len(lines),
        "seconds": round(sum(line["length"] for line in lines) / settings.rate, 3),
    }
    if source.division != "files":
        info["division"] = source.division
    if classes := {name: _values(name, lines) for name in source.class_names}:
        info["classes"] = classes
    info["fingerprint"] = fingerprint(info, lines)
    with ExitStack() as stack:
        # What is entered first is put in place last.
        place = stack.enter_context(replacing(folder / INFO))
        write_yaml(place, info)
        for name, content in ((INDEX, lines), (REFUSED, refused)):
            text = "".join(f"{json.dumps(line)}\n" for line in content)
            stack.enter_context(replacing(folder / name)).write_text(text)
    return Corpus(folder)


def _split(source: Source, folder: Path, settings: Settings, kept: Lines) -> Lines:
    """Return recordings, or parts of them, each with its split."""
    if source.division != "files":
        return divide(kept, source.division, settings, folder / SHARDS)
    splits = assign(kept)
    return [line | {"split": splits[line["id"]]} for line in kept]


def _tracks(source: Source, settings: Settings) -> dict[str, TrackKind]:
    drawn = note_table.track_kinds(settings.rate) if source.has_notes else {}
    return {**drawn, **source.track_kinds}


def _values(name: str, lines: Lines) -> list[Fact]:
    return sorted({line["facts"][name] for line in lines if name in line.get("facts", {})})
