"""typica sample: draw audio from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def sample(
    run: Annotated[
        str, typer.Argument(help="A run, by name or folder, or one of its checkpoints.")
    ],
    seconds: Annotated[float, typer.Option(help="Length of each clip.")] = 10.0,
    count: Annotated[int, typer.Option(help="Clips, drawn side by side.")] = 1,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Below 1 the model is surer of itself, above 1 less sure.",
            show_default="the run's, mostly 1",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="How to choose: stages in their order, as in top-k=40,nucleus=0.95, or greedy, "
            "beam=8, stochastic-beam, exact, contrastive=5:0.6, selective=-1:1, mbr=16, "
            "global-temperature=0.9.",
            show_default="the run's, mostly ancestral",
        ),
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="The K most likely levels.", min=1)] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Nucleus: the likeliest levels that hold this share.")
    ] = None,
    typical: Annotated[
        float | None, typer.Option(help="Locally typical levels that hold this share.")
    ] = None,
    epsilon: Annotated[float | None, typer.Option(help="Levels at least so probable.")] = None,
    eta: Annotated[
        float | None, typer.Option(help="The same, less where the entropy is high.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Levels at least so probable as a share of the likeliest.")
    ] = None,
    mirostat: Annotated[
        float | None, typer.Option(help="Surprise to keep to, in bits a sample.")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Width of the beam.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same clips.")] = 0,
    prompt: Annotated[
        Path | None, typer.Option(help="A recording to go on from; it begins each clip.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Class to draw, where a run has any.")] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition", help="Another class that a run is told, as in pitch=60; may be repeated."
        ),
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="Recording of the corpus whose notes or frames to follow.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")] = Path(
        "samples"
    ),
    device: Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")] = "auto",
    weights: Annotated[
        Literal["float32", "bfloat16", "int8"],
        typer.Option(help="Fewer bits are faster, and it says what they cost."),
    ] = "float32",
    engine: Annotated[
        Literal["auto", "c++", "numba", "torch"],
        typer.Option(help="What computes; auto takes the fastest."),
    ] = "auto",
) -> None:
    """Draw audio from a trained run.

    Examples:
      typica sample chorales --seconds 10 --count 4 --temperature 0.95 --seed 1 -o out/

      typica sample runs/my_album/checkpoints/step-00002000 --prompt riff.wav

      typica sample chorales --strategy nucleus --top-p 0.95 --count 4

      typica sample chorales --strategy typical=0.9,top-k=64 --temperature 1.05

      typica sample chorales --strategy beam --width 8 --seconds 2

      typica sample chorales --seconds 60 --weights bfloat16

      typica sample notes --seconds 4 --label flute
    """
    import sys

    from typica.actions.sample import sample as draw
    from typica.cli._bars import Bars

    drawn = draw(
        run,
        seconds=seconds,
        count=count,
        temperature=temperature,
        strategy=strategy,
        numbers={
            "top_k": top_k,
            "top_p": top_p,
            "typical": typical,
            "epsilon": epsilon,
            "eta": eta,
            "min_p": min_p,
            "mirostat": mirostat,
            "width": width,
        },
        seed=seed,
        prompt=prompt,
        label=label,
        conditions=conditions or (),
        like=like,
        out=out,
        device=device,
        weights=weights,
        backend=engine,
        progress=Bars(),
    )
    for path in drawn.files:
        print(path)
    seam = f"; the prompt ends at {drawn.prompt_s:.2f} s" if drawn.prompt_s else ""
    by = f"drawn at {drawn.real_time:.3g} times real time by {drawn.engine}"
    print(f"{drawn.how}: {by}{seam}", file=sys.stderr)
    if drawn.cost:
        print(drawn.cost, file=sys.stderr)
