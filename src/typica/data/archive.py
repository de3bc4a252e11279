"""Representations as npz files: arrays with names, beside them what they are and by which numbers.

Every entry is a plain array, parameters as arrays without a dimension: `numpy.load` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError
from typica.core.files import replacing

KIND = "representation"

Parameter = int | float | str


class Archive(NamedTuple):
    """What an npz file holds.

    Attributes:
        kind: Name of the representation.
        parameters: Its numbers and words: entries without a dimension.
        arrays: All other entries.
    """

    kind: str
    parameters: dict[str, Parameter]
    arrays: dict[str, NDArray]

    def number(self, name: str) -> int:
        """Return a parameter that is a whole number.

        Raises:
            DataError: It is missing or another one; the message is the reason alone.
        """
        found = self.parameters.get(name)
        if isinstance(found, int):
            return found
        raise DataError(f"its {name!r} is missing or no whole number")

    def array(self, name: str, kinds: str, dimensions: int) -> NDArray:
        """Return an array of a given kind, by numpy's letters, and number of dimensions.

        Raises:
            DataError: It is missing or another one; the message is the reason alone.
        """
        found = self.arrays.get(name)
        if found is None or found.dtype.kind not in kinds or found.ndim != dimensions:
            got = "it is missing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise DataError(f"its array {name!r} is not what a {self.kind} has: {got}")
        return found


def write_archive(path: Path, archive: Archive) -> None:
    """Write an npz file, whole or not at all; equal contents give equal bytes.

    Raises:
        DiskError: It cannot be written.
    """
    entries: dict[str, Any] = {KIND: np.array(archive.kind)}
    entries |= {name: np.array(value) for name, value in archive.parameters.items()}
    with replacing(path) as place, place.open("wb") as file:
        # Floats hardly get smaller by it, and it takes longer than all else.
        small = all(array.dtype.kind not in "fc" for array in archive.arrays.values())
        (np.savez_compressed if small else np.savez)(file, **(entries | archive.arrays))


def read_archive(path: Path) -> Archive:
    """Read an npz file; nothing in it is unpickled.

    Raises:
        DataError: It cannot be read, or does not say what it holds; the message is the reason
            alone.
    """
    try:
        with path.open("rb") as file, np.load(file) as archive:
            entries = {name: archive[name] for name in archive.files}
    # Of damage zipfile, zlib, numpy and the parser of its headers have a dozen errors among them.
    except Exception as error:
        raise DataError("not an npz file that can be read, of plain arrays alone") from error
    kind = entries.pop(KIND, None)
    if kind is None or kind.ndim or kind.dtype.kind != "U":
        raise DataError(f"its entry {KIND!r} is missing: it was not made by typica")
    parameters = {name: array.item() for name, array in entries.items() if not array.ndim}
    arrays = {name: array for name, array in entries.items() if array.ndim}
    return Archive(str(kind), parameters, arrays)
