"""The folder of an album that is being made: what was asked for, and what is done."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from typica.core import registry
from typica.core.errors import ConfigError, RunError
from typica.core.files import check_writable, hold, write_json
from typica.core.run import runs_home
from typica.data.spans import Division
from typica.evaluation.curation import CURATION

FILE, CORPUS, CLIPS, EXPORT = "album.json", "corpus", "clips", "export"
LOCK = ".lock"
HOME = "albums"
RATE = 8000  # of a preset that takes any: what a CPU learns something of
FIXED = ("folder", "system", "preset", "rate", "split", "seed")


@dataclass(frozen=True)
class Settings:
    """What an album is made of.

    Attributes:
        folder: Of the recordings.
        rate: Hertz.
        system: Name of the system.
        preset: Where its settings come from.
        settings: Settings that replace the preset's, as in "model.width=64".
        split: What is held out: "spans", "files" or "chunks".
        seed: Of the training, and of the first clip: the next has the next number.
        minutes: Of training; as the preset says if left out.
        steps: Of training, at most; as the preset says if left out.
        checkpoints: Taken on the way, all of which are heard.
        audition_seconds: That each of eight streams plays from each of them.
        clips: To choose from.
        clip_seconds: Length of each.
        licence: Of the recordings, for the cards.
    """

    folder: str
    rate: int
    system: str = "samplernn"
    preset: str = "small"
    settings: tuple[str, ...] = ()
    split: Division = "spans"
    seed: int = 0
    minutes: float | None = None
    steps: int | None = None
    checkpoints: int = 10
    audition_seconds: float = 20.0
    clips: int = 24
    clip_seconds: float = 30.0
    licence: str | None = None

    def __post_init__(self) -> None:
        names = ("minutes", "steps", "checkpoints", "audition_seconds", "clips", "clip_seconds")
        for name in names:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"--{name.replace('_', '-')} must be above 0, got {value:g}")


@dataclass
class Project:
    """An album that is being made.

    Attributes:
        path: Its folder.
        settings: What was asked for.
        run: Name of the run that is trained for it.
        runs: Where that run is.
        done: What stages found, by their names.
    """

    path: Path
    settings: Settings
    run: str
    runs: str
    done: dict[str, Any] = field(default_factory=dict)

    @property
    def run_path(self) -> Path:
        """The folder of the run."""
        return Path(self.runs) / self.run

    def note(self, stage: str, found: Any) -> None:
        """Keep what a stage found."""
        self.done[stage] = found
        self.save()

    def save(self) -> None:
        """Write it, whole or not at all."""
        plain = {"run": self.run, "runs": self.runs, "done": self.done}
        write_json(self.path / FILE, {"settings": asdict(self.settings), **plain})


def open_project(out: Path) -> Project:
    """Open the folder of an album.

    Raises:
        RunError: There is none, or it is damaged.
    """
    try:
        plain = json.loads((out / FILE).read_text("utf-8"))
        own = plain["settings"]
        settings = Settings(**own | {"settings": tuple(own["settings"])})
        return Project(out, settings, plain["run"], plain["runs"], plain["done"])
    except FileNotFoundError as error:
        raise RunError(f"there is no album in {out}: make one by typica album FOLDER") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{out / FILE} is damaged: make the album anew with --out") from error


def begin(folder: Path, out: Path, wishes: Mapping[str, Any]) -> Project:
    """Open an album with new wishes, or begin one.

    Args:
        folder: Of the recordings, or the album's own.
        out: The album's.
        wishes: Settings by name, those that are asked for; others stay, or are as usual.

    Raises:
        ConfigError: It was begun with other recordings or another system, a number is none, or it
            would lie among the recordings.
        RunError: Its folder holds other things, its run is somebody else's, or clips of another
            length are asked for although somebody has chosen from those that are there.
    """
    recordings = str(folder.expanduser().resolve())
    if (out / FILE).exists():
        project = open_project(out)
        own = {} if recordings == str(out.resolve()) else {"folder": recordings}
        _check_fixed(project, {**wishes, **own})
        _check_chosen(project, wishes)
        project.settings = replace(project.settings, **wishes)
        _check_runs(project)
        return project
    if out.is_file():
        raise RunError(f"{out} is a file: choose a folder with --out")
    # What was interrupted while it was prepared has no more than that; nothing else is known of it.
    if out.is_dir() and {path.name for path in out.iterdir()} - {LOCK, CORPUS}:
        raise RunError(f"{out} holds other things: choose another folder with --out")
    if out.name.startswith(".") or not out.name:
        raise ConfigError(f"an album cannot be called {out.name!r}: choose another folder by --out")
    runs = runs_home().absolute()
    for place in (out, runs):
        _check_apart(place, Path(recordings))
    if (runs / out.name).exists():
        raise RunError(f"the run {runs / out.name} exists: choose another name with --out")
    settings = Settings(recordings, **{"rate": _rate(wishes), **wishes})
    return Project(out, settings, out.name, str(runs))


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keep other commands from making the same album; no folder is left with nothing in it.

    Raises:
        RunError: One is making it.
        DiskError: The folder may not be written to.
    """
    check_writable(out / FILE)
    with (out / LOCK).open("w") as lock:
        words = "is being made by another command: wait for it, or take another folder by --out"
        hold(lock, RunError(f"{out} {words}"))
        try:
            yield
        finally:
            if all(path.is_dir() or path.name.startswith(".") for path in out.rglob("*")):
                shutil.rmtree(out, ignore_errors=True)


def _rate(wishes: Mapping[str, Any]) -> int:
    """Return the rate that a preset is made for, or one that suits a small machine."""
    names = [wishes.get(name, getattr(Settings, name)) for name in ("system", "preset")]
    return registry.preset(*names).get("data", {}).get("rate") or RATE


def place_of(folder: Path, out: Path | None) -> Path:
    """Return the folder of the album that is made of recordings; or `folder` itself, if it is one.

    Raises:
        ConfigError: The folder of recordings has no name to take.
    """
    if out is not None:
        return out.expanduser().absolute()
    folder = folder.expanduser().absolute()
    if (folder / FILE).exists():
        return folder
    name = folder.name
    if not name:
        raise ConfigError(f"{folder} has no name: choose the album's folder with --out")
    return Path(HOME).absolute() / name


def _check_apart(place: Path, recordings: Path) -> None:
    """Refuse to put where recordings are looked for what is no recording: it would be learnt from.

    Raises:
        ConfigError: The place lies in the folder of the recordings.
    """
    if place.resolve().is_relative_to(recordings):
        raise ConfigError(
            f"{place} would lie among the recordings, in {recordings}, and what is drawn would be "
            f"taken for some: call from another folder"
        )


def _check_fixed(project: Project, wishes: Mapping[str, Any]) -> None:
    for name in FIXED:
        was = getattr(project.settings, name)
        if wishes.get(name, was) != was:
            raise ConfigError(
                f"{project.path} was begun with {name} {was}, not {wishes[name]}: choose another "
                f"place with --out"
            )


def _check_chosen(project: Project, wishes: Mapping[str, Any]) -> None:
    was = project.settings.clip_seconds
    now = wishes.get("clip_seconds", was)
    if now != was and (project.path / CURATION).exists():
        raise RunError(
            f"{project.path / CURATION} speaks of clips of {was:g} s: to draw others, of {now:g} "
            f"s, move it and {CLIPS} away first"
        )


def _check_runs(project: Project) -> None:
    home = runs_home().absolute()
    if Path(project.runs) != home:
        raise RunError(
            f"this album's run is kept in {project.runs}, not {home}: call from where it was "
            f"begun, or set TYPICA_RUNS"
        )
