"""Listing the corpora that are built in, and those that are prepared."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from typica.core.errors import TypicaError
from typica.data import corpora
from typica.data.corpus import Corpus, prepared
from typica.data.layout import LayoutSource
from typica.data.source import Source


class BuiltIn(NamedTuple):
    """A corpus that typica can make, or read where it lies.

    Attributes:
        name: What `prepare_data` calls it.
        licence: Of the recordings.
        made: How they come to be.
        needs: What must be installed or fetched first; empty if nothing.
        is_ready: Whether that is here. What must be fetched is wherever the user has put it.
        from_folder: Whether it is read from a folder.
    """

    name: str
    licence: str
    made: str
    needs: str
    is_ready: bool
    from_folder: bool


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
    return Listing([_offer(source) for source in sources], [_describe(path) for path in prepared()])


def _offer(source: Source) -> BuiltIn:
    reads = isinstance(source, LayoutSource)
    return BuiltIn(source.name, source.licence, source.made, source.needs, source.is_ready, reads)


def _describe(path: Path) -> Prepared:
    try:
        info = Corpus(path).info
        hours, licence = info["seconds"] / 3600, info["licence"]
        return Prepared(path.name, path, hours, info["rate"], info["recordings"], licence)
    except (TypicaError, KeyError, TypeError) as error:
        return Prepared(path.name, path, damage=f"{path} is damaged: {error}")
