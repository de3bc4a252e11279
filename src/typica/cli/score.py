"""typica score: how likely a run finds recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

if TYPE_CHECKING:
    from typica.actions.score import Scores


def score(
    run: Annotated[str, Argument(help="A run, by name or folder, or one of its checkpoints.")],
    files: Annotated[list[Path], Argument(help="Sound files.")],
    label: Annotated[str | None, Option(help="Their class, where a run has any.")] = None,
    conditions: Annotated[
        list[str] | None,
        Option("--condition", help="Another class of theirs, as in pitch=60; may be repeated."),
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Tell how likely a run finds recordings: log-likelihood, and bits a sample.

    Each is read at the run's rate, as mono, and scaled as the run's training recordings were.
    Fewer bits mean likelier. Files that cannot be used are named and left out.

    Examples:
        typica score my_album riff.wav other/*.flac

        typica score my_album riff.wav --json
    """
    import json
    from dataclasses import asdict

    from typica.actions.score import score as act
    from typica.cli._bars import Bars

    scores = act(
        run, files, label=label, conditions=conditions or (), device=device, progress=Bars()
    )
    print(json.dumps(asdict(scores), indent=2) if as_json else _table(scores))


def _table(scores: Scores) -> str:
    """Lay scores out in columns, likeliest first, names last so that none is cut."""
    rows = [f"{'bits a sample':>13}  {'log-likelihood, nats':>20}  {'seconds':>8}  file"]
    for one in sorted(scores.scores, key=lambda one: one.bits):
        read = "" if one.rate == scores.rate else f" (from {one.rate} Hz)"
        figures = f"{one.bits:13.3f}  {one.log_prob:20.1f}  {one.seconds:8.2f}"
        rows.append(f"{figures}  {one.file}{read}")
    bound = "" if scores.density == "exact" else ", a lower bound of the likelihood"
    scaled = "scaled to the same peak" if scores.normalise == "peak" else "at their own level"
    rows.append(f"base measure: {scores.measure}{bound}; read at {scores.rate} Hz, mono, {scaled}")
    return "\n".join(rows)
