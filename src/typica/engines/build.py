"""Compiling C++ on first use, by the compiler at hand, for the processor at hand.

A library is kept under the user's cache folder by a hash of all that it depends on: its text, the
flags, the compiler and the processor. Processes that want the same one wait for one of them.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from typica.core.errors import TypicaError
from typica.core.files import DiskError, digest, replacing
from typica.core.kernels import kernels_home

FLAGS = ("-O3", "-march=native", "-std=c++17", "-fno-math-errno", "-fPIC", "-shared")
COMPILERS = ("c++", "g++", "clang++")
TIME_LIMIT_S = 300
SUM = ".sha256"  # beside a library


class NoCompilerError(TypicaError):
    """There is no C++ compiler, or the one there is fails."""


@cache
def compiler() -> tuple[str, ...]:
    """Return the C++ compiler: $CXX, or the first of the usual names, and arguments it came with.

    Raises:
        NoCompilerError: There is none.
    """
    asked = os.environ.get("CXX", "").strip()
    for words in _readings(asked) if asked else [(name,) for name in COMPILERS]:
        found = shutil.which(words[0])
        if found:
            return found, *words[1:]
    raise NoCompilerError(
        f"there is no C++ compiler ({asked or ', '.join(COMPILERS)}): install one, "
        f"such as by apt install g++"
    )


def _readings(command: str) -> Iterator[tuple[str, ...]]:
    """Yield a command as one path, which may hold spaces, and as words: "ccache g++"."""
    yield (command,)
    try:
        yield tuple(shlex.split(command))
    except ValueError as error:
        raise NoCompilerError(f"CXX={command} is no command: {str(error).lower()}") from error


@cache
def lanes() -> int:
    """Return how many float32 a vector of this processor holds, as the compiler sees it.

    Raises:
        NoCompilerError: There is no compiler that works.
    """
    macros = _run([*compiler(), "-march=native", "-dM", "-E", "-x", "c++", os.devnull])
    if "__AVX512F__" in macros:
        return 16
    return 8 if "__AVX__" in macros else 4


def text(name: str) -> str:
    """Return the text of a kernel in this package, and in its place each one that it includes."""
    lines = files("typica.engines").joinpath(name).read_text().splitlines(keepends=True)
    included = (re.fullmatch(r'#include "(.+)"\n', line) for line in lines)
    return "".join(
        text(found[1]) if found else line for found, line in zip(included, lines, strict=True)
    )


def library(source: str) -> ctypes.CDLL:
    """Compile C++ to a shared library, or take it from the cache, and load it.

    Raises:
        NoCompilerError: There is no compiler, or it fails, or its work cannot be kept.
    """
    place = kernels_home() / f"{_key(source)}.so"
    _make(source, place)
    try:
        return ctypes.CDLL(str(place))
    except OSError:  # it needs what this machine lacks: another made it, in a home they share
        place.unlink(missing_ok=True)
    _make(source, place)
    try:
        return ctypes.CDLL(str(place))
    except OSError as error:
        told = " ".join(compiler())
        raise NoCompilerError(f"what {told} makes cannot be loaded: {error}") from error


def _make(source: str, place: Path) -> None:
    """Compile to a place, unless what lies there is whole."""
    from filelock import FileLock

    if _is_whole(place):
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # The system frees the lock of a process that dies: nobody waits for it.
        with FileLock(place.with_suffix(".lock")):
            if not _is_whole(place):
                _compile(source, place)
    except (DiskError, OSError) as error:
        raise NoCompilerError(f"{error}: set TYPICA_CACHE to a folder of yours") from error


def _compile(source: str, place: Path) -> None:
    with replacing(place) as aside:
        text = aside.with_suffix(".cpp")
        text.write_text(source)
        _run([*compiler(), *FLAGS, str(text), "-o", str(aside)])
        place.with_suffix(SUM).write_text(digest(aside))


def _is_whole(place: Path) -> bool:
    """Whether a library is what was made: to load one that is cut off may end the process."""
    try:
        return place.with_suffix(SUM).read_text() == digest(place)
    except (OSError, UnicodeDecodeError):
        return False


def _key(source: str) -> str:
    told = hashlib.blake2b(digest_size=12)
    for part in (source, *FLAGS, _version(), _processor()):
        told.update(part.encode() + b"\0")
    return told.hexdigest()


@cache
def _version() -> str:
    return " ".join(compiler()) + _run([*compiler(), "--version"])


@cache
def _processor() -> str:
    """Name the processor and what it can do: a cache may be shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    first = lines[: lines.index("")] if "" in lines else lines
    told = [line for line in first if line.startswith(("model name", "flags", "Features"))]
    return platform.machine() + "".join(told)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            env={**os.environ, "LC_ALL": "C"},  # its complaints are read
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCompilerError(f"the C++ compiler {command[0]} does not run: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if "error" in line), lines[0])
        raise NoCompilerError(f"the C++ compiler {command[0]} fails: {reason}")
    return done.stdout
