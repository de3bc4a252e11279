"""What is done to images to see whether a model finds them odd: levels in, levels out."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.errors import ShapeError


def check_images(images: Tensor) -> None:
    """Refuse what are no images.

    Raises:
        ShapeError: They are not integers (count, channels, height, width).
    """
    if images.ndim != 4 or images.is_floating_point():
        got = f"{tuple(images.shape)} of {images.dtype}"
        raise ShapeError(f"images must be integers (count, channels, height, width), got {got}")


def constant(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images of one level each, levels drawn from those of the images' own pixels."""
    check_images(images)
    flat = images.flatten(2)
    chosen = torch.randint(flat.shape[2], (len(images),), generator=generator)
    level = flat[torch.arange(len(images)), :, chosen]
    return level[..., None, None].expand_as(images).clone()


def half_contrast(images: Tensor) -> Tensor:
    """Halve the distance of each pixel from its image's mean level."""
    check_images(images)
    mean = images.double().mean((2, 3), keepdim=True)
    return (mean + (images - mean) / 2).round().long()


def inverted(images: Tensor, levels: int) -> Tensor:
    """Turn dark into light."""
    check_images(images)
    return levels - 1 - images


def shuffled(images: Tensor, generator: torch.Generator) -> Tensor:
    """Put the pixels of each image in an order of its own: its histogram stays."""
    check_images(images)
    count, _, height, width = images.shape
    order = torch.rand(count, 1, height * width, generator=generator).argsort(-1)
    return images.flatten(2).gather(2, order.expand(-1, images.shape[1], -1)).view_as(images)


def smoothed(images: Tensor) -> Tensor:
    """Replace each pixel by the mean of its three by three neighbourhood."""
    check_images(images)
    padded = torch.nn.functional.pad(images.double(), (1, 1, 1, 1), mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 3, stride=1).round().long()


def mirrored(images: Tensor) -> Tensor:
    """Turn left into right."""
    check_images(images)
    return images.flip(-1)


def noise(images: Tensor, levels: int, generator: torch.Generator) -> Tensor:
    """Return uniform noise of the images' shape."""
    check_images(images)
    return torch.randint(levels, images.shape, generator=generator)
