"""Carrying out studies one after the other, with their page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from typica.core.errors import ConfigError, MissingFeatureError
from typica.core.progress import SILENT, Progress
from typica.lab import study as lab
from typica.lab.page import write_page

if TYPE_CHECKING:
    from typica.lab.study import Study


class Performed(NamedTuple):
    """A study that was carried out.

    Attributes:
        name: Of the study.
        title: What it is about.
        study: What it found.
        seconds: How long it took.
        picture: Where its picture is; its figures are beside it, as JSON.
    """

    name: str
    title: str
    study: Study
    seconds: float
    picture: Path


def studies() -> dict[str, str]:
    """Return the titles of the studies by name."""
    return {name: lab.title(name) for name in lab.names()}


def perform(
    names: Sequence[str], out: str | Path, *, seed: int = 0, progress: Progress = SILENT
) -> Iterator[Performed]:
    """Carry out studies one by one: each writes NAME.png and NAME.json, and the page is renewed.

    Args:
        names: Of the studies, with underscores or dashes.
        out: Folder for pictures, figures and the page `index.md`.
        seed: Of all that is drawn.
        progress: Hears how far it is.

    A study whose packages are not installed is told of and left out until the others are done.

    Raises:
        ConfigError: There is no such study, or none is named.
        MissingFeatureError: Matplotlib is not installed, or, at the end, what a study needs.
    """
    names = [name.replace("-", "_") for name in names]
    if not names:
        raise ConfigError("name a study, or take them all with --all")
    from typica.evaluation.figures import check_matplotlib  # here, so that a list needs no torch

    check_matplotlib()
    for name in names:
        lab.check(name)
    lacking: list[MissingFeatureError] = []
    for name in names:
        try:
            study, seconds = lab.perform(name, out, seed=seed, progress=progress)
        except MissingFeatureError as error:
            progress.say(f"{name} is left out: {error}")
            lacking.append(error)
            continue
        yield Performed(name, lab.title(name), study, seconds, Path(out) / f"{name}.png")
    if len(lacking) < len(names):
        write_page(Path(out))
    for missing in lacking:
        raise missing
