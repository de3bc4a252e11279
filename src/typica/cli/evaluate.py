"""typica evaluate: report on a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
) -> None:
    """Report on a run: a page with a verdict, likelihoods beside baselines, and samples.

    Examples:
        typica evaluate my_album --open

        typica evaluate runs/my_album/checkpoints/step-00002000 --seconds 20 -o early/
    """
    import json
    import sys

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
        import webbrowser

        webbrowser.open(report.page.absolute().as_uri())
