"""Listing the corpora that are built in, and those that are prepared."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from typica.core.errors import TypicaError
from typica.data import corpora
from typica.data.corpus import Corpus, prepared


class BuiltIn(NamedTuple):
    """A corpus that typica can make."""

    name: str
    licence: str
    made: str


class Prepared(NamedTuple):
    """A corpus on this machine; where it is damaged `damage` says so, and figures are None.

    Attributes:
        name: What training calls it.
        path: Its folder.
        hours: How long its recordings are together.
        rate: Sampling rate in hertz.
        recordings: How many they are.
        licence: Of the recordings.
        damage: Why it cannot be used, or None.
    """

    name: str
    path: Path
    hours: float | None = None
    rate: int | None = None
    recordings: int | None = None
    licence: str | None = None
    damage: str | None = None


class Listing(NamedTuple):
    """All corpora there are."""

    built_in: list[BuiltIn]
    prepared: list[Prepared]


def list_data() -> Listing:
    """List the built-in corpora, and those prepared under their names."""
    sources = [corpora.find(name)() for name in corpora.names()]
    built_in = [BuiltIn(source.name, source.licence, source.made) for source in sources]
    return Listing(built_in, [_describe(path) for path in prepared()])


def _describe(path: Path) -> Prepared:
    try:
        info = Corpus(path).info
        hours, licence = info["seconds"] / 3600, info["licence"]
        return Prepared(path.name, path, hours, info["rate"], info["recordings"], licence)
    except (TypicaError, KeyError, TypeError) as error:
        return Prepared(path.name, path, damage=f"{path} is damaged: {error}")
