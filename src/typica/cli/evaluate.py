"""typica evaluate: report on a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option


def evaluate(
    run: Annotated[str, Argument(help="A run, by name or folder, or one of its checkpoints.")],
    data: Annotated[
        str | None, Option(help="A corpus, by name or folder.  [default: the run's own]")
    ] = None,
    split: Annotated[
        str | None, Option(help="train, valid or test.  [default: test, or valid if it is empty]")
    ] = None,
    seconds: Annotated[
        float, Option(min=0, help="Held-out audio to score, spread evenly; 0 for all.")
    ] = 60.0,
    count: Annotated[int, Option(min=1, help="Samples to draw.")] = 3,
    sample_seconds: Annotated[float, Option(min=0.1, help="Length of each sample.")] = 5.0,
    seed: Annotated[int, Option(help="The same seed gives the same samples.")] = 0,
    out: Annotated[
        Path | None, Option("-o", "--out", help="Folder of the report.  [default: RUN/report]")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
    open_: Annotated[bool, Option("--open", help="Open the page in a browser.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the figures for a program.")] = False,
    checkpoints: Annotated[
        bool, Option("--checkpoints", help="Rank all checkpoints by how they play, instead.")
    ] = False,
    clips: Annotated[int, Option(help="Streams that each checkpoint plays.")] = 8,
    clip_seconds: Annotated[float, Option(help="Length of each.")] = 20.0,
    prompt_seconds: Annotated[
        float, Option(min=0, help="Held-out sound that they go on from; 0 is silence.")
    ] = 0.0,
) -> None:
    """Report on a run: a page with a verdict, likelihoods beside baselines, and samples.

    With --checkpoints all of them play by themselves and are ranked: by the share of the time in
    silence, loops, noise and other traps, then by their distance from recordings, then by bits.
    What is found is kept, and not done again. Traps and bits are of the split valid, then: go
    along all of it with --seconds 0.

    Examples:
        typica evaluate my_album --open

        typica evaluate runs/my_album/checkpoints/step-00002000 --seconds 20 -o early/

        typica evaluate my_album --checkpoints --clips 8 --clip-seconds 20 --open
    """
    import json
    import sys

    if checkpoints:
        course = {
            "seconds": seconds,
            "clips": clips,
            "clip_seconds": clip_seconds,
            "seed": seed,
            "prompt_s": prompt_seconds,
        }
        _rank(run, data, split, course, out, device, open_=open_, as_json=as_json)
        return

    from typica.actions.evaluate import evaluate as act
    from typica.cli._bars import Bars

    report = act(
        run,
        data=data,
        split=split,
        seconds=seconds,
        count=count,
        sample_seconds=sample_seconds,
        seed=seed,
        out=out,
        device=device,
        progress=Bars(),
    )
    verdict = report.findings.verdict
    print(f"{verdict.word}: {verdict.summary}", file=sys.stderr)
    for sentence in (*verdict.reasons, *verdict.advice, *report.findings.notes):
        print(f"  {sentence}", file=sys.stderr)
    print(json.dumps(report.findings.to_dict(), indent=2) if as_json else report.page)
    if open_:
        _open(report.page)


def _rank(
    run: str,
    data: str | None,
    split: str | None,
    course: dict[str, Any],
    out: Path | None,
    device: str,
    *,
    open_: bool,
    as_json: bool,
) -> None:
    import json
    import sys

    from typica.actions.audition import Course, audition
    from typica.cli._bars import Bars

    asked = Course(**course)
    found = audition(
        run, data=data, split=split, course=asked, out=out, device=device, progress=Bars()
    )
    for sentence in found.program.sentences:
        print(sentence, file=sys.stderr)
    if as_json:
        print(json.dumps(found.program.to_dict(), indent=2))
    else:
        print("\n".join((*_table(found.program.to_dict()["checkpoints"]), str(found.page))))
    if open_:
        _open(found.page)


def _table(checkpoints: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a ranking; places with = are told apart by bits alone."""
    yield (
        f"place  {'checkpoint':<22}{'in traps':>14}  {'dB off':>6}  {'silent':>6}  {'flat':>5}  "
        f"{'clipped':>7}  {'copied':>6}  {'bits':>15}  kinds of traps"
    )
    for one in checkpoints:
        place = f"{one['place']}{'=' if one['tied'] else ' '}"
        traps = _with_error(one["trapped"], ".1%")
        kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in one["traps"].items())
        shares = (_number(one[name], ".1%") for name in ("silent", "clipped", "copied"))
        silent, clipped, copied = shares
        bits = "-" if one["bits"] is None else _with_error(one["bits"], ".3f")
        yield (
            f"{place:>6} {one['name']:<22}{traps:>14}  {one['distance_db']:6.1f}  {silent:>6}  "
            f"{_number(one['flatness'], '.3f'):>5}  {clipped:>7}  {copied:>6}  {bits:>15}  {kinds}"
        ).rstrip()


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _with_error(mean: dict[str, float | None], form: str) -> str:
    error = mean["error"]
    return f"{mean['value']:{form}}" + ("" if error is None else f" ± {error:{form}}")


def _open(page: Path) -> None:
    import webbrowser

    webbrowser.open(page.absolute().as_uri())
