"""Pieces of HTML that the pages of evaluation are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from typica.evaluation.bits import Mean


def section(title: str, body: str, kind: str = "") -> str:
    """Return a part of the page under its title; `body` is HTML."""
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{body}</section>'


def table(head: Sequence[str], rows: Iterable[str], caption: str = "") -> str:
    """Return a table; heads and rows are HTML, the caption is text."""
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{words}<thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(cells: Sequence[str], kind: str = "") -> str:
    """Return a row of HTML cells, the first of which is its head."""
    rest = "".join(f"<td>{cell}</td>" for cell in cells[1:])
    return f'<tr class="{kind}"><th scope="row">{cells[0]}</th>{rest}</tr>'


def details(title: str, body: str) -> str:
    """Return what is shown when asked for."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def listed(sentences: Sequence[str]) -> str:
    """Return a list of sentences."""
    return f"<ul>{''.join(f'<li>{prose(one)}</li>' for one in sentences)}</ul>"


def prose(sentence: str) -> str:
    """Escape a sentence, and set what stands between backquotes as code."""
    pieces = escape(sentence).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def with_error(mean: Mean, form: str = "{:.2f}") -> str:
    """Write a mean and its standard error, if it has one."""
    if mean.error is None:
        return number(mean.value, form)
    error = form.replace("+", "").format(mean.error)
    return f'{number(mean.value, form)} <span class="error">±&nbsp;{error}</span>'


def signed(mean: Mean) -> str:
    """Write a difference and its standard error."""
    return with_error(mean, "{:+.2f}")


def number(value: float | None, form: str) -> str:
    """Write a number with a true minus sign, a dash where there is none."""
    return "–" if value is None else form.format(value).replace("-", "−")
