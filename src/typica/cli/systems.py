"""typica systems: what exists."""

from __future__ import annotations

from typing import Annotated

import typer

WIDE = 120  # columns, where no terminal says how many there are
WORDS = {"sparse": "a label", "dense": "frames"}


def systems(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """List the systems: family, what they model, density, conditioning, sampling, presets."""
    import json
    import sys
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from typica.actions.systems import systems as look

    found = look()
    if as_json:
        print(json.dumps([asdict(system) for system in found], indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("system", no_wrap=True)  # a name is to be typed
    table.add_column("family", no_wrap=True)
    for column in ("models", "density", "told", "samples"):
        table.add_column(column)
    table.add_column("presets", overflow="fold")
    for system in found:
        told = ", ".join(WORDS[kind] for kind in system.conditioning) or "nothing"
        presets = ", ".join(system.presets)
        row = (system.name, system.family, system.models, system.density, told, system.sampling)
        table.add_row(*row, presets)
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
