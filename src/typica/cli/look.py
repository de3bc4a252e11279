"""typica look: recordings and scores as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Argument, Option

if TYPE_CHECKING:
    from typica.actions.look import Looks


def look(
    files: Annotated[list[Path], Argument(help="Recordings, MIDI files, ABC tunes.")],
    out: Annotated[
        Path | None,
        Option(
            "-o",
            "--out",
            help="A png, svg or pdf file, or a folder.",
            show_default="FILE.png where you stand",
        ),
    ] = None,
    start: Annotated[float, Option(help="Seconds at which to begin.")] = 0.0,
    seconds: Annotated[
        float | None,
        Option(
            help="How many to show, at most 60 of sound.",
            show_default="10 of sound, 60 of long scores",
        ),
    ] = None,
    panels: Annotated[
        str | None,
        Option(
            help="Of recordings: waveform, loudness, magnitude, mel, phase, frequency, "
            "constant-q, pitch; with commas between.",
            show_default="all",
        ),
    ] = None,
    rate: Annotated[
        int | None, Option(help="Hertz to read recordings at.", show_default="their own")
    ] = None,
    tune: Annotated[int, Option(help="Which tune of an ABC file, counted from 1.")] = 1,
    format_: Annotated[
        Literal["png", "svg", "pdf"] | None,
        Option("--format", help="Of the pictures.", show_default="that of --out, or png"),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Draw recordings and scores, each as one picture.

    A recording: waveform, loudness, magnitude, mel, phase, instantaneous frequency, constant-Q
    and pitch over one axis of time. A MIDI file or a tune: its piano roll, with velocities, drums
    and pedal.

    Examples:
        typica look riff.wav

        typica look song.flac --start 62 --seconds 4 -o bridge.svg

        typica look voice.wav --panels waveform,pitch,loudness

        typica look prelude.mid tunes.abc --tune 3 -o pictures/

        typica look album/*.flac -o pictures/ --json
    """
    import json
    import sys

    from typica.actions.look import look as act
    from typica.cli._bars import Bars

    looks = act(
        files,
        out=out,
        kind=format_,
        start_s=start,
        seconds=seconds,
        panels=[name.strip() for name in panels.split(",")] if panels is not None else (),
        rate=rate,
        tune=tune,
        progress=Bars(),
    )
    if as_json:
        print(json.dumps(_facts(looks), indent=2))
        return
    for one in looks.looks:
        print(one.figure)
        print(f"{one.file}: {one.shown}", file=sys.stderr)
        for remark in one.remarks:
            print(f"{one.file}: {remark}", file=sys.stderr)


def _facts(looks: Looks) -> dict[str, Any]:
    from dataclasses import asdict

    told = [
        {"file": one.file, "kind": one.kind, "figure": str(one.figure)}
        | asdict(one.facts)
        | {"remarks": one.remarks}
        for one in looks.looks
    ]
    return {"looks": told, "refused": looks.refused}
