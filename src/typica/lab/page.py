"""The lab's page: what the studies of a folder found, as Markdown beside their pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typica.core.errors import DataError
from typica.core.files import replacing

INTRODUCTION = """# The lab

Each figure, table and claim of the articles that can be tried, tried. A published number stands
beside the one computed here; where the two differ the remark says why. This page is written by

    typica lab --all -o docs/lab

and a single study is repeated by `typica lab NAME`. What is marked *measured* comes from drawn
samples or trained models: after ± stands one standard error. The rest is exact to the digits
shown.
"""


def write_page(folder: Path) -> Path:
    """Write `index.md` from the JSON files of studies in a folder.

    Raises:
        DataError: There are none.
    """
    records = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    records = [record for record in records if "study" in record]
    if not records:
        raise DataError(f"{folder} holds no studies: run `typica lab --all -o {folder}` first")
    text = "\n".join([INTRODUCTION, *map(_section, records)])
    with replacing(folder / "index.md") as place:
        place.write_text(text, encoding="utf-8")
    return folder / "index.md"


def _section(record: dict[str, Any]) -> str:
    parts = [
        f"## {record['title'].rstrip('.')}",
        f"*{record['source']}.* {record['claim']}".replace("..*", ".*"),
        f"![{record['title']}]({record['study']}.png)",
        f"**Found:** {record['finding']}",
    ]
    if record["numbers"]:
        parts.append(_numbers(record["numbers"]))
    parts += [_table(table) for table in record["tables"]]
    parts += [
        f'{name}: <audio controls preload="none" src="{file}"></audio>'
        for name, file in record.get("clips", {}).items()  # records of before have none
    ]
    parts.append(f"`typica lab {record['study']}`, seed {record['seed']}, {record['seconds']} s.\n")
    return "\n\n".join(parts)


def _numbers(numbers: Sequence[dict[str, Any]]) -> str:
    """Lay numbers out; columns that none of them fills are left out."""
    columns = {"number": [_name(one) for one in numbers], "here": [_value(one) for one in numbers]}
    for name in ("exact", "published", "remark"):
        cells = ["" if one[name] is None else _cell(one[name]) for one in numbers]
        if any(cells):
            columns[name] = cells
    return _rows(list(columns), list(zip(*columns.values(), strict=True)))


def _name(number: dict[str, Any]) -> str:
    return f"{number['name']}, {number['unit']}" if number["unit"] else number["name"]


def _value(number: dict[str, Any]) -> str:
    if number["error"] is None:
        return _cell(number["value"])
    return f"{_cell(number['value'])} ± {number['error']:.2g} *measured*"


def _table(table: dict[str, Any]) -> str:
    rows = [[_cell(value) for value in row] for row in table["rows"]]
    return f"{table['caption']}\n\n{_rows(table['columns'], rows)}"


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[_cell(column) for column in columns], ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("|", "\\|")
    return str(value) if isinstance(value, int) else f"{value:.7g}"
