"""Patches of the two photographs that come with scikit-learn: a temple, textured, and a flower."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from typica.core.errors import ConfigError

Photograph = Literal["china", "flower"]
Part = Literal["train", "test"]

BAND = 32  # rows of a photograph that belong to one part
TEST_BAND = 3  # of every four bands, this one is for tests
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def patches(
    photograph: Photograph,
    part: Part,
    count: int,
    *,
    size: int = 8,
    colour: bool = False,
    seed: int = 0,
) -> Tensor:
    """Cut patches at random places of a photograph.

    The photograph is divided into bands of rows; every fourth is for tests, so that no pixel
    is in a patch of either part.

    Args:
        photograph: "china" or "flower", 427 x 640 pixels each.
        part: Which bands the patches lie in.
        count: Number of patches.
        size: Their height and width, at most the 32 rows of a band.
        colour: Keep red, green and blue; else grey by luma.
        seed: Of the places.

    Returns:
        Levels from 0 to 255, int64, shape (count, 1 or 3, size, size).

    Raises:
        ConfigError: A patch does not fit in a band.
    """
    if not 1 <= size <= BAND:
        raise ConfigError(f"size must be from 1 to {BAND} rows, got {size}")
    pixels = _pixels(photograph, colour)
    rng = np.random.default_rng(seed)
    bands = [band for band in range(pixels.shape[0] // BAND) if _is_test(band) == (part == "test")]
    rows = BAND * rng.choice(bands, count) + rng.integers(0, BAND - size + 1, count)
    columns = rng.integers(0, pixels.shape[1] - size + 1, count)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), (0, 1))
    return torch.from_numpy(windows[rows, columns].astype(np.int64))


def _pixels(photograph: Photograph, colour: bool) -> np.ndarray:
    """Return levels (height, width, channels)."""
    from sklearn.datasets import load_sample_image

    if photograph not in ("china", "flower"):
        raise ConfigError(f"photograph must be china or flower, got {photograph!r}")
    pixels = load_sample_image(f"{photograph}.jpg")
    return pixels if colour else np.rint(pixels @ LUMA)[..., None]


def _is_test(band: int) -> bool:
    return band % 4 == TEST_BAND
