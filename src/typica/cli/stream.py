"""typica stream: music without an end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

if TYPE_CHECKING:
    from typica.actions.stream import Aired


def stream(
    run: Annotated[str, Argument(help="A run, by name or folder, or one of its checkpoints.")],
    out: Annotated[
        str | None, Option("-o", "--out", help="FILE.wav, FILE.flac, FOLDER/, or - for a pipe.")
    ] = None,
    http: Annotated[
        str | None, Option(help="Serve a page and endless files, as at 127.0.0.1:8000.")
    ] = None,
    seconds: Annotated[float | None, Option(help="Length; without an end if left out.")] = None,
    temperature: Annotated[
        float | None,
        Option(
            help="Below 1 the model is surer of itself, above 1 less sure.",
            show_default="the run's, mostly 1",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        Option(
            help="What chooses each sample, as nucleus=0.95 or typical=0.9,top-k=64.",
            show_default="the run's, mostly ancestral",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        Option(help="The same seed gives the same stream; 0, or with --state its draws go on."),
    ] = None,
    monitor: Annotated[
        bool, Option("--monitor/--no-monitor", help="Watch for silence, loops and noise.")
    ] = True,
    report: Annotated[Path | None, Option(help="Write all that happened, as JSON.")] = None,
    segment_seconds: Annotated[
        float | None, Option(help="Write files of this length into a folder.")
    ] = None,
    keep: Annotated[int | None, Option(min=1, help="Keep so many segments.")] = None,
    format_: Annotated[
        str | None, Option("--format", help="raw, wav or flac, for pipes and segments.")
    ] = None,
    prompt: Annotated[Path | None, Option(help="A recording to go on from.")] = None,
    label: Annotated[str | None, Option(help="Class to draw, where a run has any.")] = None,
    conditions: Annotated[
        list[str] | None,
        Option(
            "--condition", help="Another class that a run is told, as in pitch=60; may be repeated."
        ),
    ] = None,
    state: Annotated[
        Path | None, Option(help="Go on where a stream stopped that was told --save-state.")
    ] = None,
    save_state: Annotated[
        Path | None, Option(help="Folder to write at the end, for --state to go on from.")
    ] = None,
    device: Annotated[str, Option(help="cpu, cuda, mps or auto.")] = "auto",
    weights: Annotated[
        Literal["float32", "bfloat16", "int8"],
        Option(help="Fewer bits are faster, and it says what they cost."),
    ] = "float32",
    engine: Annotated[
        Literal["auto", "c++", "numba", "torch"],
        Option(help="What computes; auto takes the fastest."),
    ] = "auto",
    threads: Annotated[
        int | None,
        Option(min=1, help="Processors for torch; compiled, one stream is drawn by one."),
    ] = None,
) -> None:
    """Play from a trained run without an end: to the sound card, a file, a pipe, over HTTP.

    Ctrl-C ends it; what was written is whole.

    Examples:
        typica stream my_album

        typica stream my_album --http 127.0.0.1:8000

        typica stream my_album -o - | aplay

        typica stream my_album -o radio/ --segment-seconds 60 --keep 10 --report report.json

        typica stream my_album -o first.wav --seconds 600 --save-state evening

        typica stream my_album -o second.wav --state evening --save-state evening

        typica stream my_album --strategy typical=0.95 --temperature 1.02

        typica stream my_album --weights bfloat16 --engine c++
    """
    import sys

    from typica.actions.stream import Computing, Destination, Music, Traces
    from typica.actions.stream import stream as act
    from typica.cli._bars import Bars

    aired = act(
        run,
        Destination(out, format_, segment_seconds, keep),
        http=http,
        seconds=seconds,
        music=Music(temperature, strategy, seed, prompt, label, state, monitor, conditions or ()),
        computing=Computing(device, weights, engine, threads),
        leaving=Traces(report, save_state),
        progress=Bars(),
    )
    print(_summary(aired), file=sys.stderr)


def _summary(aired: Aired) -> str:
    """Say in a line what became of a stream."""
    metrics = aired.metrics
    words = [f"streamed {aired.seconds:.1f} s"]
    words.append(f"generated at {metrics['real_time_factor']:.3g} times real time")
    counts = [f"{kind} {count}" for kind, count in aired.record["counts"].items()]
    words.append(f"events: {', '.join(counts)}" if counts else "no events")
    if metrics["underruns"] or metrics["late_blocks"]:
        words.append(f"late by {metrics['late_seconds']:.1f} s")
    return "; ".join(words)
