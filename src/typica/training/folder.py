"""Where a run is kept: its name, and whether it may be begun there or gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from typica.core.config import read_yaml, write_yaml
from typica.core.errors import RunError, did_you_mean
from typica.core.files import hold, replacing
from typica.core.run import CONFIG, WEIGHTS, checkpoints, runs_home

LOCK = ".lock"
SAME = ("system", "rate", "model", "population")  # what a run may not change half-way


def new_name(system: str, corpus: str) -> str:
    """Return a name for a new run, such as "wavenet-my_album-20260131-154500"."""
    return f"{system}-{corpus}-{datetime.now():%Y%m%d-%H%M%S}"


def to_begin(name: str) -> Path:
    """Return the folder of a run that is to begin.

    Raises:
        RunError: There is something already, or the name leads elsewhere.
    """
    path = runs_home() / name
    if not name or Path(name).name != name or name.startswith("."):
        raise RunError(f"a run cannot be named {name!r}: take a plain name, without slashes")
    if path.exists():
        raise RunError(f"{path} exists: --resume to go on or --name another")
    return path


def to_resume(name: str | None, system: str, corpus: str) -> Path:
    """Return the folder of a run to go on with: the one named, or the newest that fits.

    Raises:
        RunError: There is none.
    """
    home = runs_home()
    if name is not None:
        if not (home / name / CONFIG).is_file():
            known = [path.parent.name for path in home.glob(f"*/{CONFIG}")]
            raise RunError(f"there is no run {name!r} in {home}: {did_you_mean(name, known)}")
        return home / name
    fitting = []
    for path in home.glob(f"*/{CONFIG}"):
        config = read_yaml(path)
        if config.get("system") == system and config.get("corpus", {}).get("name") == corpus:
            fitting.append((path.stat().st_mtime, path.parent))
    if not fitting:
        raise RunError(f"there is no run of {system} on {corpus} in {home} to go on with")
    return max(fitting)[1]


def check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a run whose model or data would no longer be the same.

    Raises:
        RunError: Something differs; the message names it.
    """
    for name, was, would_be in differences(before, now):
        table = name.partition(".")[0]
        if table in SAME or name == "corpus.fingerprint":
            raise RunError(
                f"{folder} was begun with {name} {was} and cannot go on with {would_be}: "
                f"--name another run"
            )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """List the settings that differ, as (name, before, now), with names as in "model.layers"."""
    old, new = _flat(before), _flat(now)
    return [
        (name, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from training the same run at the same time.

    Raises:
        RunError: One does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        words = "is being trained by another process: wait for it or --name another run"
        hold(lock, RunError(f"{folder} {words}"))
        yield


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a run's settings."""
    with replacing(folder / CONFIG) as place:
        write_yaml(place, config)


def forget_final(folder: Path) -> None:
    """Let the newest checkpoint speak for a run that goes on after its end."""
    if checkpoints(folder):
        (folder / WEIGHTS).unlink(missing_ok=True)


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        inner = _flat(value) if isinstance(value, Mapping) else None
        flat |= {f"{name}.{k}": v for k, v in inner.items()} if inner is not None else {name: value}
    return flat
