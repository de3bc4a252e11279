"""Telling in a sentence why recordings were refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

FEW = 5  # as many are named one by one
EXAMPLES = 3


class Refusals(NamedTuple):
    """Recordings that were refused for one reason.

    Attributes:
        reason: The reason where all share one, else its kind: what stands before a colon.
        files: Their names.
    """

    reason: str
    files: list[str]


def by_reason(refused: Iterable[Mapping[str, str]]) -> list[Refusals]:
    """Group lines of `file` and `reason` by the kind of the reason, the most frequent first."""
    kinds: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for line in refused:
        kinds[line["reason"].partition(":")[0]].append(line)
    groups = []
    for kind, lines in kinds.items():
        reasons = {line["reason"] for line in lines}
        reason = reasons.pop() if len(reasons) == 1 else kind
        groups.append(Refusals(reason, [line["file"] for line in lines]))
    return sorted(groups, key=lambda group: -len(group.files))


def explain(refused: Sequence[Mapping[str, str]]) -> str:
    """Tell why each was refused, or how many for which reason where there are many."""
    if len(refused) <= FEW:
        parts = [f"{line['file']} ({line['reason']})" for line in refused]
    else:
        parts = [f"{group.reason} ({_files(group.files)})" for group in by_reason(refused)]
    return printable("; ".join(parts))


def _files(files: list[str]) -> str:
    number = "" if len(files) <= EXAMPLES else f"{len(files)} files, such as "
    return number + ", ".join(files[:EXAMPLES])


def printable(text: str) -> str:
    """Return a text with what a terminal cannot show, such as a line feed in a name, escaped."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )
