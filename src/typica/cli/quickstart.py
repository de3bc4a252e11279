"""typica quickstart: from nothing to music."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option


def quickstart(
    out: Annotated[Path, Option("-o", "--out", help="Folder for the music and the report.")] = Path(
        "quickstart"
    ),
    minutes: Annotated[
        float | None, Option(min=0.01, help="Of training.  [default: 2.25]", show_default=False)
    ] = None,
    seconds: Annotated[float, Option(min=0.1, help="Of music.")] = 10.0,
    temperature: Annotated[float, Option(help="Below 1 the model is surer of itself.")] = 1.0,
    seed: Annotated[int, Option(help="Of the music.")] = 0,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Go the whole road once, in under five minutes: data, training, music, a report.

    Prepares Bach chorales played by a synthesiser, trains a small WaveNet on them, draws ten
    seconds of music, and writes a folder with the audio, its spectrogram, the learning curve
    and a page that opens in a browser.

    Examples:
        typica quickstart

        typica quickstart --minutes 10 --seconds 30 -o longer/
    """
    import sys

    from typica.actions.quickstart import quickstart as act
    from typica.cli._bars import Bars

    made = act(
        out,
        minutes=minutes,
        seconds=seconds,
        temperature=temperature,
        seed=seed,
        device=device,
        progress=Bars(),
    )
    verdict = made.findings.verdict
    print(f"{verdict.word}: {verdict.summary}", file=sys.stderr)
    print(f"all in {made.seconds / 60:.1f} minutes; the run is {made.run}", file=sys.stderr)
    for path in (*made.sounds, made.page):
        print(path)
    print(
        "the first second of the sound is a recording; all that follows was drawn", file=sys.stderr
    )
    print(f"open {made.page} in a browser to see and hear it", file=sys.stderr)
    more = f"typica train wavenet --data chorales --name {made.run.name} --resume --minutes 30"
    print(f"minutes teach a model little: for more, {more}", file=sys.stderr)
