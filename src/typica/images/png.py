"""PNG as a measure: how many bits the coder that everyone has needs for an image."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor

from typica.core.errors import ConfigError, MissingFeatureError, ShapeError
from typica.images.spoil import check_images

MODES = {1: "L", 3: "RGB"}


def png_bits(images: Tensor, levels: int = 256) -> Tensor:
    """Return the bits of each image as a PNG file, less those of a file of one pixel.

    The header and the ends of chunks say nothing of the image; of small images they would be
    most of the file. Fewer levels than 256 are written as they are: PNG's own compression
    profits from it.

    Args:
        images: Levels, integers of shape (count, 1 or 3, height, width).
        levels: Number of levels, at most 256.

    Returns:
        Bits, float64, shape (count,).

    Raises:
        ShapeError: They are no images of one or three channels.
        ConfigError: A level is not from 0 to below `levels`, or there are more than 256.
        MissingFeatureError: Pillow is not installed.
    """
    check_images(images)
    if images.shape[1] not in MODES:
        raise ShapeError(f"PNG has 1 or 3 channels, got images with {images.shape[1]}")
    if levels > 256 or (images.numel() and (images.min() < 0 or images.max() >= levels)):
        raise ConfigError(f"PNG is written from levels 0 to {min(levels, 256) - 1}, at most 255")
    pixels = images.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    empty = _size(np.zeros_like(pixels[:1, :1, :1])[0]) if len(pixels) else 0
    return torch.tensor([8.0 * (_size(one) - empty) for one in pixels], dtype=torch.float64)


def _size(pixels: np.ndarray) -> int:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingFeatureError("PNG", "pillow", "images") from error
    file = io.BytesIO()
    mode = MODES[pixels.shape[-1]]
    Image.fromarray(pixels.squeeze(-1) if mode == "L" else pixels, mode).save(
        file, format="PNG", optimize=True
    )
    return len(file.getvalue())
