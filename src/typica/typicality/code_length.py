"""Bits that an everyday coder needs, as a column beside a model's log-likelihood.

    make_pipeline(make_union(ModelStatistics(model, ["log_prob"]), PngBits()), InputComplexity())

The levels that are coded must be those that the model counts, or the two do not compare.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from typica.images.png import png_bits
from typica.signal.flac import Flac
from typica.signal.quantise import QuantiserName, quantiser
from typica.typicality.statistics import batches


class FlacBits(TransformerMixin, BaseEstimator):
    """Turn audio into the bits of a FLAC file of its levels, less those of an empty one.

    Args:
        rate: Hertz.
        name: Name of the quantiser that the model counts levels of.
        bits: Its bits, up to 16.
    """

    def __init__(self, rate: int, name: QuantiserName = "mulaw", bits: int = 8) -> None:
        self.rate = rate
        self.name = name
        self.bits = bits

    def fit(self, examples: Any, y: Any = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, examples: Any) -> np.ndarray:
        """Return bits, float64, (count, 1), of audio (count, 1, time) or a list of (1, time).

        Raises:
            DataError: There are no examples.
            ConfigError: The quantiser cannot have so many bits.
        """
        chosen = quantiser(self.name, self.bits)
        coder = Flac(chosen.levels, self.rate)
        codes = [chosen.encode(one).numpy() for part in batches(examples, 64) for one in part[:, 0]]
        return np.array([[coder.bits(one, 0) - coder.header_bits] for one in codes])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the name of the column."""
        return np.array(["flac_bits"], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class PngBits(TransformerMixin, BaseEstimator):
    """Turn images into the bits of a PNG file, less those of a file of one pixel.

    Args:
        levels: Number of levels of the images, at most 256.
    """

    def __init__(self, levels: int = 256) -> None:
        self.levels = levels

    def fit(self, examples: Any, y: Any = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, examples: Any) -> np.ndarray:
        """Return bits, float64, (count, 1), of levels (count, 1 or 3, height, width).

        Raises:
            DataError: There are no examples.
            ShapeError: They are no images.
            MissingFeatureError: Pillow is not installed.
        """
        parts = [png_bits(torch.as_tensor(part), self.levels) for part in batches(examples, 1024)]
        return torch.cat(parts).numpy()[:, None]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the name of the column."""
        return np.array(["png_bits"], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True
