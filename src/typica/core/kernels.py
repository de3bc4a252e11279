"""Compiled kernels: the folder where they are kept, and functions compiled by numba kept there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from typica.core.errors import MissingFeatureError


def kernels_home() -> Path:
    """Return the folder of compiled kernels: $TYPICA_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("TYPICA_CACHE") or user_cache_path("typica")) / "kernels"


def compiled(
    module: str, function: str, sources: Iterable[bytes], *, needed_for: str, **options: Any
) -> Any:
    """Return a function that numba compiles at its first call, or reads from the cache.

    numba would look at the date of one file only: here a folder is named by all there is to it.
    Where nothing can be kept, every process compiles for itself.

    Args:
        module: Name of the module where it stands, which may import numba.
        function: Its name there.
        sources: The text of all files that it depends on.
        needed_for: What the message says if numba is not installed.
        options: Of `numba.njit`.

    Raises:
        MissingFeatureError: numba is not installed.
    """
    try:
        import numba
    except ImportError as error:
        raise MissingFeatureError(needed_for, "numba", "numba") from error
    told = hashlib.blake2b(numba.__version__.encode(), digest_size=12)
    for source in sources:
        told.update(source)
    folder = kernels_home() / f"numba-{told.hexdigest()}"
    made: Any = numba.njit(**options)(getattr(import_module(module), function))
    config: Any = numba.config
    kept, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        if _is_writable(folder):  # else numba would write beside its source
            made.enable_caching()
    finally:
        config.CACHE_DIR = kept
    return made


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
