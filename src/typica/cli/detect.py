"""typica detect: find odd recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option, Typer

from typica.core.errors import ConfigError

if TYPE_CHECKING:
    from typica.actions.detect_score import Found, Place

app = Typer(no_args_is_help=True, help="Find recordings that are unlike a reference, and where.")

FIELDS = (
    *("file", "odd", "p_value", "judge", "places", "oddest", "oddest_p"),
    *("seconds", "smallest_p", "plot"),
)


@app.command()
def fit(
    run: Annotated[str, Argument(help="A run, by name or folder, or one of its checkpoints.")],
    reference: Annotated[
        Path, Option(help="A folder of usual recordings that the run was not trained on.")
    ],
    out: Annotated[Path, Option("--out", "-o", help="Folder of the detector.")],
    window: Annotated[float, Option(min=0.01, help="Seconds of a window.")] = 2.0,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Learn what is usual from a folder of recordings.

    The model should not have been trained on them: what it knows by heart would make all else
    look odd. P-values can be no smaller than one by the number of reference stretches as long as
    the recording, up to a minute: alpha = 0.01 takes a hundred, as in two hours of long
    recordings, or a hundred short ones. Many recordings are better than long ones.

    Examples:
        typica detect fit my_album --reference held_out/ -o detector/

        typica detect fit my_album --reference held_out/ -o fine/ --window 0.5
    """
    from typica.actions.detect_fit import detect_fit
    from typica.cli._bars import Bars

    made = detect_fit(run, reference, out, window_s=window, device=device, progress=Bars())
    print(
        f"{made.folder}: heard {made.recordings} recordings, {made.seconds / 60:.1f} minutes in "
        f"{made.windows} windows; left out {len(made.refused)}"
    )
    print(f"judges: {', '.join(made.judges)}")
    print(
        f"smallest p-value: {made.smallest_p_of_window:.2g} of a single window, "
        f"{made.smallest_p:.2g} of recordings of {made.longest_s:g} s and more"
    )


@app.command()
def score(
    detector: Annotated[Path, Argument(help="A folder that `typica detect fit` wrote.")],
    files: Annotated[list[Path], Argument(help="Sound files, or folders of them.")],
    alpha: Annotated[float, Option(help="P-values up to this are called odd.")] = 0.01,
    plots: Annotated[Path | None, Option("--plots", "-o", help="Draw odd ones here.")] = None,
    as_json: Annotated[bool, Option("--json", help="Print a line of JSON a recording.")] = False,
    as_csv: Annotated[bool, Option("--csv", help="Print a table for a spreadsheet.")] = False,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Tell which recordings are odd, to which judge, and where in time.

    Of recordings like the reference, about the share alpha will be called odd if the reference
    has many recordings, and more if it has few. The places are windows
    that are odd by themselves, at the same alpha, to the judge that is named. Results are
    printed as they come; memory does not grow with the folder.

    Examples:
        typica detect score detector/ new/ --plots odd/

        typica detect score detector/ riff.wav take2.flac --alpha 0.05

        typica detect score detector/ archive/ --csv > found.csv
    """
    from typica.actions.detect_score import detect_score
    from typica.cli._bars import Bars

    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other: choose one")
    found = detect_score(detector, files, alpha=alpha, plots=plots, device=device, progress=Bars())
    write = _json if as_json else _csv if as_csv else _words
    write(found)


def _json(found: Any) -> None:
    import json
    from dataclasses import asdict

    for one in found:
        print(json.dumps(asdict(one)), flush=True)


def _csv(found: Any) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(FIELDS)
    for one in found:
        row = vars(one) | {"places": _places(one.places), "oddest": _places([one.oddest])}
        writer.writerow([row[name] for name in FIELDS])
        sys.stdout.flush()


def _words(found: Any) -> None:
    odd = count = 0
    for one in found:
        count, odd = count + 1, odd + one.odd
        print(_line(one), flush=True)
    print(f"{odd} of {count} odd")


def _line(one: Found) -> str:
    mark = "ODD" if one.odd else "   "
    line = f"{mark}  p = {one.p_value:<8.3g} {one.judge:<18} {one.file}"
    if one.odd and one.places:
        return f"{line}\n     at {_places(one.places)}"
    return f"{line}\n     oddest at {_places([one.oddest])}, p = {one.oddest_p:.3g} by itself"


def _places(places: list[Place]) -> str:
    return ", ".join(f"{place.start_s:g}-{place.stop_s:g} s" for place in places)
