"""typica systems: what exists, and what each of them takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from typica.actions.systems import Explanation, System

WIDE = 120  # columns, where no terminal says how many there are
WORDS = {"sparse": "a label", "dense": "frames"}


def systems(
    name: Annotated[
        str | None, typer.Argument(help="A system to explain; all are listed without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """List the systems, or explain one: its idea, its presets and all that --set takes.

    Example:
        typica systems samplernn
    """
    import sys
    from dataclasses import asdict

    from rich.console import Console

    from typica.actions.systems import explain
    from typica.actions.systems import systems as look

    explained = explain(name) if name else None
    if as_json:
        told = asdict(explained) if explained else [asdict(system) for system in look()]
        print(json.dumps(told, indent=2))
        return
    wide = None if sys.stdout.isatty() else WIDE
    console = Console(width=wide, highlight=False, markup=False)
    for part in _parts(explained) if explained else [_table(look())]:
        console.print(part)


def _parts(explained: Explanation) -> list[str | Table]:
    """Return what is printed of a system, part after part."""
    system, phases = explained.system, explained.phases
    can = f"{system.family}; models {system.models}; density {system.density}"
    others = f"; {', '.join(phases[1:])} have tables like it" if phases[1:] else ""
    settings = [(one.name, _plain(one.default), one.meaning) for one in explained.settings]
    return [
        f"{system.summary}\n\n{explained.about}\n",
        f"{can}; told {_told(system)}; sampled {system.sampling}\n",
        _columns(("preset", "for"), explained.presets.items()),
        "",
        _columns(("setting", "default", "meaning"), settings),
        f"\nDefaults are those without a preset. {phases[0]} is how a phase learns{others}.",
    ]


def _table(found: list[System]) -> Table:
    header = ("system", "family", "models", "density", "told", "samples", "presets")
    rows = [
        (one.name, one.family, one.models, one.density, _told(one), one.sampling, _presets(one))
        for one in found
    ]
    return _columns(header, rows)


def _columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table without lines, whose first column is to be typed and stays whole."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # brackets are no markup
    return table


def _told(system: System) -> str:
    return ", ".join(WORDS[kind] for kind in system.conditioning) or "nothing"


def _presets(system: System) -> str:
    return ", ".join(system.presets)


def _plain(default: Any) -> str:
    """Return a default as it is typed."""
    return default if isinstance(default, str) else json.dumps(default)
