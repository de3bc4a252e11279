"""Grey pictures as PNG files that tell what their pixels stand for."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError, MissingFeatureError
from typica.core.files import replacing

KEYWORD = "typica"
"""Of the text chunk that holds the parameters, as JSON."""

LARGEST = 80_000_000
"""Pixels: readers of pictures refuse many more as an attack."""


class Grey(NamedTuple):
    """A grey picture.

    Attributes:
        levels: Shape (height, width), uint8 or uint16; the first row is the uppermost.
        meaning: The parameters that were written with it.
    """

    levels: NDArray
    meaning: dict[str, Any]


def write_grey(path: Path, levels: NDArray, meaning: Mapping[str, Any], title: str) -> None:
    """Write a picture, whole or not at all.

    Args:
        path: Of the PNG file.
        levels: As in `Grey`.
        meaning: What JSON can hold.
        title: In words, for whoever opens the picture.

    Raises:
        DataError: It would have no pixels, or too many.
        DiskError: It cannot be written.
        MissingFeatureError: Pillow is not installed.
    """
    image, png = _pillow()
    if not 0 < levels.size <= LARGEST:
        height, width = levels.shape
        raise DataError(
            f"a picture of {width} x {height} pixels is "
            f"{'empty' if not levels.size else f'larger than readers take ({LARGEST} pixels)'}"
        )
    text = png.PngInfo()
    text.add_text("Title", title)
    text.add_text("Software", "typica")
    text.add_text(KEYWORD, json.dumps(meaning))
    with replacing(path) as place:
        image.fromarray(levels).save(place, format="PNG", pnginfo=text)


def read_grey(path: Path) -> Grey:
    """Read a picture that `write_grey` wrote, perhaps repainted since.

    Raises:
        DataError: It is no such picture; the message is the reason alone.
        MissingFeatureError: Pillow is not installed.
    """
    image, _ = _pillow()
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("error", image.DecompressionBombWarning)
            with image.open(file, formats=["PNG"]) as picture:
                picture.load()
                text, mode = str(picture.text.get(KEYWORD, "")), picture.mode
                levels = np.array(picture)
    except OSError as error:
        raise DataError("not a PNG picture that can be read") from error
    # Pillow raises whatever a damaged file makes it trip over.
    except (ValueError, SyntaxError, EOFError, Warning, image.DecompressionBombError) as error:
        raise DataError("not a PNG picture that can be read, or too large a one") from error
    return Grey(_grey(levels, mode), _meaning(text))


def _grey(levels: NDArray, mode: str) -> NDArray:
    if levels.ndim == 3 and mode in ("RGB", "RGBA") and np.ptp(levels[..., :3], axis=-1).max() == 0:
        levels = levels[..., 0]
    if levels.ndim != 2 or levels.dtype.kind not in "iu":
        raise DataError(f"a picture in colours ({mode}): save it as grey, with its text chunks")
    if levels.dtype == np.uint8:
        return levels
    return levels.astype(np.uint16)


def _meaning(text: str) -> dict[str, Any]:
    try:
        meaning = json.loads(text)
    except ValueError:
        meaning = None
    if not isinstance(meaning, dict):
        raise DataError(
            f"its pixels do not say what they stand for: it was not made by typica, or what saved "
            f"it since left out the text chunk {KEYWORD!r}"
        )
    return meaning


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image, PngImagePlugin
    except ImportError as error:
        raise MissingFeatureError("PNG", "pillow", "images") from error
    return Image, PngImagePlugin
