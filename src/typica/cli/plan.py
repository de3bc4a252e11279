"""typica plan: what a training will take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from typica.core.duration import span

if TYPE_CHECKING:
    from typica.actions.plan import Planned


def plan(
    system: Annotated[str, Argument(help="A system; `typica systems` lists them.")],
    data: Annotated[str, Option(help="A corpus, by its name or its folder.")],
    preset: Annotated[str, Option(help="Where the settings come from.")] = "small",
    settings: Annotated[
        list[str] | None, Option("--set", help="Change one setting, as in model.channels=96.")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, Option("--json", help="Print figures for a program.")] = False,
) -> None:
    """Say what a training will take: parameters, memory, disk and time.

    A few steps are really run on this machine, and nothing is kept of them.

    Example:
        typica plan wavenet --data my_album --set training.steps=20000
    """
    from typica.actions.plan import plan as act
    from typica.cli._bars import Bars

    planned = act(system, data, preset, settings or [], device=device, progress=Bars())
    if as_json:
        print(json.dumps(planned._asdict() | {"plan": planned.plan.to_dict()}, indent=2))
        return
    for name, words in rows(planned):
        print(f"{name:<12}{words}")


def rows(planned: Planned) -> list[tuple[str, str]]:
    """Return the lines of the table."""
    plan = planned.plan
    free = f" of {size(plan.free_bytes)} free" if plan.free_bytes else ""
    warning = "" if plan.fits else ": it will not fit, lower data.batch or data.crop"
    working = f", at work {size(plan.working_bytes)}" if plan.working_bytes is not None else ""
    scaled = ", scaled from one example" if plan.step_was_scaled else ""
    return [
        ("what", f"{planned.system} ({planned.preset}) on {planned.corpus}, {planned.device}"),
        ("parameters", f"{plan.parameters:,}"),
        ("memory", f"{size(plan.memory_bytes)}{free}{warning}"),
        ("", f"weights {size(plan.weights_bytes)}, gradients {size(plan.gradients_bytes)}"),
        ("", f"Adam {size(plan.optimiser_bytes)}, averaged weights {size(plan.average_bytes)}"),
        ("", f"kept for the backward pass {size(plan.activations_bytes)}{working}"),
        ("disk", f"{size(plan.disk_bytes)}, a checkpoint {size(plan.checkpoint_bytes)}"),
        ("time", f"{span(plan.training_s)}: {plan.steps:,} steps of {plan.step_s:.3g} s{scaled}"),
        *([("hears back", _past(planned.past_s))] if planned.past_s else []),
        (
            "trains on",
            f"{plan.audio_s / 3600:.3g} hours of audio, {plan.epochs:.3g} times the corpus",
        ),
    ]


def _past(seconds: list[float | None]) -> str:
    """Write how far back each level hears, from the sound upwards."""
    levels = ["all that came before" if one is None else f"{one:.3g} s" for one in seconds]
    return ", ".join(levels) + (", from the sound upwards" if levels[1:] else "")


def size(count: int) -> str:
    """Write bytes in the unit that fits."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}" if value < 1000 else f"{value:,.0f} {units[0]}"
