"""typica lab: the articles' figures and claims, tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

if TYPE_CHECKING:
    from typica.lab.performance import Performed
    from typica.lab.study import Number


def lab(
    names: Annotated[list[str] | None, Argument(help="Studies; none lists them.")] = None,
    everything: Annotated[bool, Option("--all", help="Carry out all of them.")] = False,
    out: Annotated[Path, Option("--out", "-o", help="Folder of pictures and figures.")] = Path(
        "lab"
    ),
    seed: Annotated[int, Option(min=0, help="Of all that is drawn.")] = 0,
) -> None:
    """Repeat the figures, tables and claims of the articles, published numbers beside exact ones.

    Each study prints its numbers and writes a picture and a JSON file; together they make a
    page, index.md.

    Examples:
        typica lab

        typica lab coin annulus

        typica lab --all -o lab/
    """
    from typica.cli._bars import Bars
    from typica.lab.performance import perform, studies

    known = studies()
    if not names and not everything:
        width = max(map(len, known))
        print("\n".join(f"{name:{width}}  {title}" for name, title in known.items()))
        return
    chosen = list(known) if everything else names or []
    for done in perform(chosen, out, seed=seed, progress=Bars()):
        print(_words(done), flush=True)


def _words(done: Performed) -> str:
    study = done.study
    lines = [done.title, f"  {study.source}: {study.claim}", f"  Found: {study.finding}"]
    lines += [f"  {_number(number)}" for number in study.numbers]
    for table in study.tables:
        lines += ["", f"  {table.caption}", *_table(table)]
    return "\n".join([*lines, f"  {done.picture} ({done.seconds:.1f} s)", ""])


def _number(number: Number) -> str:
    text = f"{number.name}: {number.value:.7g}"
    text += f" ± {number.error:.2g}" if number.error is not None else ""
    text += f" {number.unit}" if number.unit else ""
    others = {"exact": number.exact, "published": number.published}
    told = [f"{name} {_cell(value)}" for name, value in others.items() if value is not None]
    text += f" ({', '.join(told)})" if told else ""
    return text + (f". {number.remark}" if number.remark else "")


def _table(table: Any) -> list[str]:
    rows = [[_cell(cell) for cell in row] for row in [table.columns, *table.rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _cell(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)
