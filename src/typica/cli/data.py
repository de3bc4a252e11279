"""typica data: prepare recordings for training, and see what is prepared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

if TYPE_CHECKING:
    from typica.actions.inspect_data import Inspection
    from typica.actions.list_data import BuiltIn, Listing, Prepared

app = typer.Typer(no_args_is_help=True, help="Prepare recordings for training.")

Json = Annotated[bool, Option("--json", help="Print for a program to read.")]


SHOWN = 3  # names of files that were left out for the same reason


class Normalise(StrEnum):
    """What is done to the level of each recording."""

    peak = "peak"
    none = "none"


class Labels(StrEnum):
    """What names the class of a recording."""

    none = "none"
    folders = "folders"


class Split(StrEnum):
    """What is held out of the recordings of a folder."""

    files = "files"
    spans = "spans"
    chunks = "chunks"


@app.command()
def prepare(
    what: Annotated[
        str, Argument(help="A folder of recordings, or a corpus by its name in `list`.")
    ],
    out: Annotated[
        str | None, Option("--out", "-o", help="Name of the corpus, or a folder for it.")
    ] = None,
    rate: Annotated[int, Option(help="Sampling rate in hertz.")] = 16000,
    normalise: Annotated[
        Normalise, Option(help="Scale each recording to a peak of 0.99, or leave levels alone.")
    ] = Normalise.peak,
    minimum_seconds: Annotated[
        float | None,
        Option(help="Refuse what is shorter; by default half a second, less for single words."),
    ] = None,
    labels: Annotated[
        Labels, Option(help="Take the folder a recording lies in for its class.")
    ] = Labels.none,
    licence: Annotated[
        str | None, Option(help="Of the recordings, for the cards of what is trained on them.")
    ] = None,
    split: Annotated[
        Split | None,
        Option(
            help="Hold out whole files, spans of time with guards, or (to see how it misleads) "
            "chunks that overlap with what is trained on.",
            show_default="files",
        ),
    ] = None,
    folder: Annotated[
        str | None, Option("--from", help="Where a published corpus lies, such as maestro.")
    ] = None,
    workers: Annotated[
        int | None, Option(min=1, help="Processes that read; one a processor if left out.")
    ] = None,
) -> None:
    """Turn recordings into a corpus that training can read.

    Reads wav, flac, ogg, mp3 and aiff (m4a and video too, with the extra `media`), of any rate,
    mono or stereo, in folders and folders in them. What cannot be used is reported and left out.
    Interrupted, it goes on where it was; called again, it reads only what has changed.

    Examples:
        typica data prepare ~/my_album -o my_album

        typica data prepare ~/one_long_concert --split spans

        typica data prepare ~/drums --labels folders --minimum-seconds 0.1 --rate 44100

        typica data prepare chorales

        typica data prepare maestro --from ~/maestro-v3.0.0
    """
    from typica.actions.prepare_data import prepare_data
    from typica.cli._bars import Bars

    corpus = prepare_data(
        what,
        out,
        rate=rate,
        normalise=normalise.value,
        minimum_s=minimum_seconds,
        labels=labels.value,
        licence=licence,
        split=split.value if split else None,
        folder=folder,
        workers=workers,
        progress=Bars(),
    )
    print(corpus.path)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the corpora that are prepared, and those that can be made."""
    from typica.actions.list_data import list_data

    listing = list_data()
    print(_as_json(listing) if as_json else "\n".join(_listed(listing)))


@app.command()
def inspect(
    corpus: Annotated[str, Argument(help="A corpus, by its name or its folder.")],
    as_json: Json = False,
) -> None:
    """Tell what a corpus holds: splits, lengths, levels, labels, and what was left out.

    Example:
        typica data inspect my_album
    """
    from typica.actions.inspect_data import inspect_data

    inspection = inspect_data(corpus)
    print(_as_json(inspection) if as_json else "\n".join(_inspected(inspection)))


def _as_json(value: Any) -> str:
    return json.dumps(_plain(value), indent=2)


def _plain(value: Any) -> Any:
    """Turn named tuples into tables, and paths into texts."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, PurePath) else value


def _listed(listing: Listing) -> Iterator[str]:
    yield "Prepared:"
    for one in listing.prepared:
        yield f"  {one.name:<18}{one.damage or _figures(one)}"
    if not listing.prepared:
        yield "  none yet: typica data prepare FOLDER"
    yield "Made by typica, or read from packages that are installed:"
    for source in listing.built_in:
        if not source.from_folder or source.is_ready or "--from" not in source.needs:
            yield from _offered(source)
    yield "Read from an archive that you have fetched:"
    for source in listing.built_in:
        if source.from_folder and not source.is_ready and "--from" in source.needs:
            yield from _offered(source)


def _offered(source: BuiltIn) -> Iterator[str]:
    yield f"  {source.name:<18}{source.made}"
    if source.needs:
        yield f"  {'':<18}needs: {source.needs}{' (is here)' if source.is_ready else ''}"
    yield f"  {'':<18}licence: {source.licence}"


def _figures(one: Prepared) -> str:
    return f"{one.hours:.2f} h, {one.recordings} recordings at {one.rate} Hz, {one.licence}"


def _inspected(one: Inspection) -> Iterator[str]:
    yield f"{one.name}: {one.path}"
    yield f"  source       {one.source} ({one.made})"
    yield f"  licence      {one.licence}"
    yield f"  audio        {one.rate} Hz, mono, 16 bits, normalise {one.normalise}"
    for split, share in one.splits.items():
        yield f"  {split:<12} {share.recordings} recordings, {share.hours:.3f} h"
    for name, spread, form, unit in (
        ("length", one.length_s, ".3g", "s"),  # single hits may last hundredths of a second
        ("level", one.level_db, ".1f", "dB of full scale, root mean square"),
        ("gain given", one.gain_db, ".1f", "dB"),
    ):
        least, median, most = (format(value, form) for value in spread)
        figures = f"{least} to {most}, median {median} {unit}"
        yield f"  {name:<12} {figures}"
    for label, count in one.labels.items():
        yield f"  label        {_shown(label)}: {count} recordings"
    for name, count in one.classes.items():
        yield f"  class        {name}: {count} values"
    for name, kind in one.tracks.items():
        yield f"  track        {name}: {kind.channels} channels, {kind.rate:g} frames a second"
    for refusal in one.refused:
        reason = _shown(refusal.reason)
        yield f"  left out     {len(refusal.files)}: {reason} ({_some(refusal.files)})"
    yield f"  on disk      {one.disk_bytes / 1e6:.1f} MB, fingerprint {one.fingerprint}"


def _some(files: list[str]) -> str:
    rest = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return ", ".join(_shown(file) for file in files[:SHOWN]) + rest


def _shown(name: str) -> str:
    # The name of a file may hold what a terminal cannot show.
    return name if name.isprintable() else ascii(name)
