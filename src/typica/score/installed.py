"""Files that lie inside installed packages: scores and sound banks that are not ours to copy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from typica.core.errors import MissingFeatureError


def package_folder(package: str, *, needed_for: str) -> Path:
    """Find the folder of an installed package, without importing it.

    Raises:
        MissingFeatureError: It is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingFeatureError(needed_for, package, "scores")
    return Path(spec.origin).parent
