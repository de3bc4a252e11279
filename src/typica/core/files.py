"""Writing files and folders so that nothing half-written is ever left in their place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from typica.core.errors import TypicaError


class DiskError(TypicaError):
    """A file could not be written."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place beside `path` to write to, and move it to `path` once all went well.

    It may become a file or a folder; a folder replaces an older one.

    Raises:
        DiskError: The disk is full or the place may not be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # `mkdtemp` keeps two writers apart; the dot keeps listings from seeing it.
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _explain(error, path) from error
    try:
        yield aside / path.name
        _move(aside / path.name, path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


_MASK = os.umask(0o022)  # there is no way to read it but to set it
os.umask(_MASK)


def _move(source: Path, target: Path) -> None:
    for path in (source, *source.rglob("*")):
        if path.is_file():  # some libraries write for their user alone
            path.chmod(0o666 & ~_MASK)
    old = source.parent / "replaced"
    if source.is_file():
        with source.open("rb") as file:
            os.fsync(file.fileno())
    elif target.is_dir():
        os.replace(target, old)
    try:
        os.replace(source, target)
    except OSError:
        if old.exists():
            os.replace(old, target)
        raise
    _settle(target.parent)


def _settle(folder: Path) -> None:
    """Make a renaming last through a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explain(error: OSError, path: Path) -> DiskError:
    reason = (error.strerror or str(error)).lower()
    return DiskError(f"cannot write {path}: {reason}; nothing that was there is lost")


def hold(lock: IO[str], refusal: TypicaError) -> None:
    """Lock an open file until it is closed, against other processes that do the same.

    Raises:
        TypicaError: `refusal`, where another process holds it.
    """
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows has none: there, users take care
        pass
    except BlockingIOError as error:
        raise refusal from error


def check_writable(path: Path) -> None:
    """Refuse a place that no file can be written to, before work is done for it.

    Raises:
        DiskError: It is a folder, or its own folder may not be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise DiskError(f"cannot write {path}: it is a folder; give the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent):
            pass
    except OSError as error:
        raise _explain(error, path) from error


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(path) as place:
        place.write_text(json.dumps(values, indent=2) + "\n")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
