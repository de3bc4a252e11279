"""Preparing a source of recordings into a corpus: in parallel, resumable, in bounded memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from typica.core.config import read_yaml
from typica.core.errors import ConfigError, DataError
from typica.core.files import DiskError, hold
from typica.core.progress import SILENT, Progress
from typica.data import shards
from typica.data.corpus import INFO, LOCK, REFUSED, SHARDS, Corpus, data_home
from typica.data.pcm import FASTEST, SLOWEST
from typica.data.publish import Lines, gather, publish
from typica.data.refusals import explain
from typica.data.source import Source
from typica.data.spans import shared
from typica.data.split import SPLITS
from typica.data.units import Settings, Unit, group
from typica.data.workers import write_each


def prepare(
    source: Source,
    out: str | Path | None = None,
    *,
    rate: int = 16000,
    normalise: Literal["peak", "none"] = "peak",
    minimum_s: float | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Corpus:
    """Prepare a corpus, or renew it: what is already prepared and has not changed is kept.

    Interrupted at any time it leaves no half-written file, and an earlier corpus in its place as
    it was; called again it goes on.

    Args:
        source: Where the recordings come from.
        out: A folder, or a name for one in `data_home()`; the source's own name if left out.
        rate: Sampling rate in hertz of the corpus.
        normalise: "peak" scales each recording to a peak of 0.99; "none" leaves levels alone.
        minimum_s: Seconds below which a recording is refused; the source's own if left out.
        workers: Processes that read; as many as there are processors if left out.
        progress: Hears how far it is, and what was refused.

    Raises:
        DataError: No recording can be used (the message says why), or `out` holds other things.
        ConfigError: A setting is out of range.
        DiskError: The disk is full, or may not be written to.
    """
    least = source.minimum_s if minimum_s is None else minimum_s
    settings = _check(Settings(rate, normalise, float(least)), source)
    folder = _place(source, out)
    _keep_others(source, settings, folder)
    items = sorted(source.items())
    with _alone(folder):
        units = group(items, settings)
        _write_shards(source, units, settings, folder / SHARDS, workers, progress)
        kept, refused = gather(folder / SHARDS, units)
        if not kept:
            raise DataError(f"no recording of {source.name} can be used: {explain(refused)}")
        corpus = publish(source, folder, settings, kept, refused)
        _prune(folder / SHARDS, {unit.name for unit in units})
    _tell(corpus, refused, progress)
    return corpus


def _check(settings: Settings, source: Source) -> Settings:
    if not SLOWEST <= settings.rate <= FASTEST:
        raise ConfigError(f"--rate must be from 1000 to 768000 hertz, got {settings.rate}")
    if settings.normalise not in ("peak", "none"):
        raise ConfigError(f"--normalise must be peak or none, got {settings.normalise!r}")
    if settings.minimum_s < 0:
        raise ConfigError(f"--minimum-seconds cannot be negative, got {settings.minimum_s:g}")
    for name, kind in source.track_kinds.items():
        if settings.rate % kind.rate:
            raise ConfigError(
                f"--rate must be a multiple of {kind.rate:g}, the frames a second of the track "
                f"{name!r} of {source.name}; got {settings.rate}"
            )
    return settings


def _place(source: Source, out: str | Path | None) -> Path:
    """Return the folder of the corpus, refusing one that holds anything else."""
    text = str(source.name if out is None else out)
    # A bare name is looked up where `open_corpus` will look for it. `Path` would make one of
    # "./here" and of "here/".
    is_name = text not in ("", ".", "..", "~") and not {"/", os.sep} & set(text)
    folder = data_home() / text if is_name else Path(text).expanduser().absolute()
    if folder.is_file():
        raise DataError(f"{folder} is a file: choose another name with -o")
    ours = any((folder / name).exists() for name in (INFO, LOCK))
    if folder.is_dir() and not ours and any(folder.iterdir()):
        raise DataError(f"{folder} holds other things: choose a new name with -o")
    return folder


def _keep_others(source: Source, settings: Settings, folder: Path) -> None:
    """Refuse to put a corpus in the place of another one, or of itself at another rate."""
    if not (folder / INFO).is_file():
        return
    info = read_yaml(folder / INFO)
    division = info.get("division", "files")
    was = (info.get("source"), info.get("rate"), info.get("normalise"), division)
    now = (source.origin, settings.rate, settings.normalise, source.division)
    if was != now:
        words = "{0}, split {3}, at {1} Hz, normalise {2}"
        raise DataError(
            f"{folder} holds a corpus made from {words.format(*was)}; this is "
            f"{words.format(*now)}: choose another name with -o, or remove that folder"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other processes from preparing it at the same time.

    A folder that was made here is removed again if nothing is kept in it.
    """
    is_new = not folder.exists()
    try:
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DiskError(f"cannot write {folder}: {reason}") from error
    with lock:
        hold(lock, DataError(f"{folder} is being prepared by another process: wait for it"))
        try:
            yield
        except BaseException:
            if is_new and not _holds_audio(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _holds_audio(folder: Path) -> bool:
    """Tell whether there is a corpus, or audio that the same command would go on from."""
    sizes = (path.stat().st_size for path in (folder / SHARDS).glob("*.pcm"))
    return (folder / INFO).exists() or any(sizes)


def _write_shards(
    source: Source,
    units: list[Unit],
    settings: Settings,
    folder: Path,
    workers: int | None,
    progress: Progress,
) -> None:
    """Write the shards that are not there yet, the largest first."""
    _clear(folder)
    kinds, has_notes = source.track_kinds, source.has_notes
    missing = [u for u in units if not shards.is_whole(folder, u.name, kinds, has_notes)]
    missing.sort(key=lambda unit: unit.size, reverse=True)
    total = sum(len(unit.items) for unit in units)
    with progress.task("preparing", total=total, unit="recordings") as task:
        task.advance(total - sum(len(unit.items) for unit in missing))
        seconds = 0.0
        try:
            for done in write_each(missing, source, settings, folder, workers):
                seconds += done.seconds
                task.advance(done.items)
                task.show(hours=seconds / 3600)
        except KeyboardInterrupt:
            progress.say("interrupted: what is prepared is kept, and the same command goes on")
            raise
        finally:
            _clear(folder)


def _clear(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def _prune(folder: Path, names: set[str]) -> None:
    """Remove the shards that are no longer in use."""
    for path in folder.iterdir():
        if path.is_file() and path.name.partition(".")[0] not in names:
            path.unlink()


def _tell(corpus: Corpus, refused: Lines, progress: Progress) -> None:
    counts = {name: len(corpus.recordings(name)) for name in SPLITS}
    shares = ", ".join(f"{count} {name}" for name, count in counts.items())
    progress.say(f"{corpus.name}: {corpus.seconds() / 3600:.3g} h at {corpus.rate} Hz ({shares})")
    if refused:
        progress.say(f"left out {len(refused)}: {explain(refused)}; all are in {REFUSED}")
    if sum(counts.values()) == 1:
        progress.say(
            "there is only one recording, so nothing is held out and no score on unheard music "
            "can be given: add recordings, or hold out spans of this one with --split spans"
        )
    if corpus.info.get("division") == "chunks":
        share = shared(line._asdict() for line in corpus.recordings())
        progress.say(
            f"warning: chunks overlap, and {share:.1%} of the sound held out for validation is "
            f"trained on in other chunks: scores on it say nothing of music that was not heard; "
            f"--split spans holds out whole spans"
        )
