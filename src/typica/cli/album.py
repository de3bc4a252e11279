"""typica album: from a folder of recordings to an album, and a stream without an end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Argument, Option

if TYPE_CHECKING:
    from typica.actions.album.make import Album


def album(
    folder: Annotated[Path, Argument(help="A folder of recordings, or an album's own.")],
    out: Annotated[
        Path | None,
        Option("-o", "--out", help="Folder of the album.  [default: albums/NAME]"),
    ] = None,
    minutes: Annotated[
        float | None, Option(help="Of training.", show_default="as the preset says")
    ] = None,
    steps: Annotated[int | None, Option(help="Of training, at most.")] = None,
    system: Annotated[str | None, Option(help="What is trained.", show_default="samplernn")] = None,
    preset: Annotated[
        str | None, Option(help="Where its settings come from.", show_default="small")
    ] = None,
    settings: Annotated[
        list[str] | None, Option("--set", help="Change one setting, as in model.width=256.")
    ] = None,
    rate: Annotated[
        int | None, Option(help="Hertz.", show_default="the preset's, mostly 8000")
    ] = None,
    split: Annotated[
        Literal["spans", "files", "chunks"] | None,
        Option(help="What is held out: see typica data prepare.", show_default="spans"),
    ] = None,
    seed: Annotated[
        int | None, Option(help="Of the training and of the first clip.", show_default="0")
    ] = None,
    checkpoints: Annotated[
        int | None, Option(help="That are taken on the way and heard.", show_default="10")
    ] = None,
    audition_seconds: Annotated[
        float | None, Option(help="That eight streams play from each.", show_default="20")
    ] = None,
    clips: Annotated[int | None, Option(help="To choose from.", show_default="24")] = None,
    clip_seconds: Annotated[float | None, Option(help="Length of each.", show_default="30")] = None,
    licence: Annotated[str | None, Option(help="Of the recordings, for the cards.")] = None,
    until: Annotated[
        Literal["prepare", "plan", "train", "audition", "clips", "page", "stream"],
        Option(help="The last stage."),
    ] = "stream",
    stream: Annotated[
        bool, Option("--stream/--no-stream", help="Play without an end when the page is there.")
    ] = True,
    http: Annotated[
        str, Option(help="Where the stream, or with --curate the page, is served.")
    ] = "127.0.0.1:8000",
    seconds: Annotated[
        float | None, Option(help="Of the stream; without an end if left out.")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
    curate: Annotated[
        bool, Option("--curate", help="Only serve the page, and save what is chosen on it.")
    ] = False,
    export: Annotated[
        bool, Option("--export", help="Only put the kept clips together, with a cue sheet.")
    ] = False,
    best: Annotated[
        int | None, Option(min=1, help="With --export: so many, the best by the rules.")
    ] = None,
    curation: Annotated[
        Path | None, Option(help="With --export: a curation.json that the page gave.")
    ] = None,
) -> None:
    """Make an album in the style of a folder of recordings.

    Seven stages: prepare the recordings, plan (how long it will take), train, audition (which
    checkpoint plays best by itself), clips, page (hear, keep or drop, name, put in order), stream.
    Ctrl-C stops at any time; the same command goes on where it was.

    Examples:
        typica album ~/Music/my_album --until plan

        typica album ~/Music/my_album --minutes 120 --no-stream

        typica album ~/Music/my_album --clips 48

        typica album ~/Music/my_album --curate

        typica album ~/Music/my_album --export
    """
    from typica.actions.album.make import make_album
    from typica.actions.album.project import place_of
    from typica.cli._bars import Bars

    place = place_of(folder, out)
    wishes: dict[str, Any] = {
        "minutes": minutes,
        "steps": steps,
        "system": system,
        "preset": preset,
        "settings": tuple(settings) if settings else None,
        "rate": rate,
        "split": split,
        "seed": seed,
        "checkpoints": checkpoints,
        "audition_seconds": audition_seconds,
        "clips": clips,
        "clip_seconds": clip_seconds,
        "licence": licence,
    }
    given = {name: value for name, value in wishes.items() if value is not None}
    _check_together(curate, export, {"best": best, "curation": curation}, given)
    if curate:
        _curate(place, http)
        return
    if export:
        _export(place, best, curation)
        return
    made = make_album(
        folder,
        place,
        given,
        until=until if stream or until != "stream" else "page",
        http=http,
        seconds=seconds,
        device=device,
        progress=Bars(),
    )
    _tell(made)


def _check_together(
    curate: bool, export: bool, of_export: dict[str, Any], wishes: dict[str, Any]
) -> None:
    """Refuse options that what is asked for would not look at."""
    from typica.core.errors import ConfigError

    if curate and export:
        raise ConfigError("--curate and --export are two commands: give one after the other")
    for name, value in of_export.items():
        if value is not None and not export:
            raise ConfigError(f"--{name} is for --export: add that, or leave --{name} out")
    door = "--curate" if curate else "--export"
    for name in wishes if curate or export else ():
        option = "set" if name == "settings" else name.replace("_", "-")
        raise ConfigError(f"{door} makes nothing anew: leave --{option} out, or {door}")


def _tell(made: Album) -> None:
    import shlex
    import sys

    if made.page is None:
        print(made.project.path)
        return
    print(made.page)
    command = shlex.join(["typica", "album", str(made.project.path), "--curate"])
    print(f"open it, or: {command}", file=sys.stderr)


def _curate(place: Path, http: str) -> None:
    from typica.actions.album.curate import curate
    from typica.cli._bars import Bars

    curate(place, http, Bars())


def _export(place: Path, best: int | None, curation: Path | None) -> None:
    import sys

    from typica.actions.album.export import export

    made = export(place, best=best, curation=curation)
    for track in made.tracks:
        print(f"{track.number:2d}  {track.title}, seed {track.clip.seed}", file=sys.stderr)
    minutes, seconds = divmod(round(made.seconds), 60)
    print(f"{len(made.tracks)} tracks, {minutes}:{seconds:02d} together", file=sys.stderr)
    print(made.folder)
