"""What systems of images share: the size of an image, and what may be shown to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from typica.core.config import Config
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.model import Model


@dataclass(frozen=True)
class ImageConfig(Config):
    """Size of the images that a system models.

    Attributes:
        levels: Number of levels of a value.
        channels: Channels of an image: 3 for colour, 1 for grey.
        height: Rows of an image.
        width: Columns of an image.
    """

    levels: int = 256
    channels: int = 3
    height: int = 32
    width: int = 32

    def __post_init__(self) -> None:
        self.check_at_least(1, "channels", "height", "width")
        self.check_at_least(2, "levels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return self.channels, self.height, self.width

    def check_halves(self, scales: int) -> None:
        """Refuse images that cannot be halved in height and width so many times.

        Raises:
            ConfigError: They cannot.
        """
        for name in ("height", "width"):
            if getattr(self, name) % 2**scales:
                raise ConfigError(
                    f"model.{name} must be a multiple of 2 ** scales = {2**scales},"
                    f" got {getattr(self, name)}"
                )

    def check_kernels(self, *names: str) -> None:
        """Refuse sizes of masked convolutions that have no centre, or see nothing else.

        Raises:
            ConfigError: One is.
        """
        for name in names:
            if getattr(self, name) < 3 or getattr(self, name) % 2 == 0:
                raise ConfigError(f"model.{name} must be 3, 5, 7, ..., got {getattr(self, name)}")

    def check_features(self, shares: int) -> None:
        """Refuse `features` that cannot be shared out among channels.

        Raises:
            ConfigError: They cannot.
        """
        features = getattr(self, "features", 0)
        if features % shares:
            raise ConfigError(
                f"model.features must be a multiple of {shares}, a share for each channel,"
                f" got {features}"
            )


class ImageModel(Model):
    """A model of images of one size, levels (batch, channels, height, width)."""

    example = "image"
    config: ImageConfig

    @property
    def length(self) -> int:
        """See `Model.length`."""
        return math.prod(self.config.shape)

    def check_shape(self, x: Tensor) -> None:
        """Refuse what has not the shape of images.

        Raises:
            ShapeError: `x` is not (batch, channels, height, width).
        """
        if x.shape[1:] != self.config.shape:
            wanted = ", ".join(map(str, self.config.shape))
            raise ShapeError(f"images must have shape (batch, {wanted}), got {tuple(x.shape)}")

    def check_levels(self, x: Tensor) -> None:
        """Refuse other numbers than levels.

        Raises:
            DataError: `x` holds such.
        """
        most = self.config.levels - 1
        if x.is_floating_point() or (x.numel() and not 0 <= x.min() <= x.max() <= most):
            raise DataError(f"images must hold whole numbers from 0 to {most}")
