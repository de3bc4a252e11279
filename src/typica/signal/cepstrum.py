"""Mel-frequency cepstral coefficients: the broad shape of a spectrum in a few numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from typica.core.errors import ConfigError


def cepstrum(logarithms: Tensor, *, count: int) -> Tensor:
    """Return the first coefficients of the cosine transform over bands; differentiable.

    c[k] = s[k] sum_b l[b] cos(pi k (b + 1/2) / bands), orthonormal: s[0]^2 = 1 / bands, else
    2 / bands. Of a log-mel spectrum these are the MFCCs: c[0] tells the level, the others timbre.

    Source: Davis and Mermelstein 1980, "Comparison of parametric representations".

    Args:
        logarithms: Of a mel spectrum, as `LogMel` has them, (..., bands, frames).
        count: How many coefficients, at most as many as bands.

    Returns:
        Shape (..., count, frames).

    Raises:
        ConfigError: There are not so many coefficients.
    """
    return _cosines(logarithms, count, logarithms.shape[-2]) @ logarithms


def smoothed(coefficients: Tensor, *, bands: int) -> Tensor:
    """Undo `cepstrum`: what coefficients were left out count as 0, which leaves a smooth spectrum.

    Args:
        coefficients: Shape (..., count, frames).
        bands: Of the spectrum they were taken of.

    Returns:
        Shape (..., bands, frames).

    Raises:
        ConfigError: There are more coefficients than bands.
    """
    return _cosines(coefficients, coefficients.shape[-2], bands).mT @ coefficients


def _cosines(like: Tensor, count: int, bands: int) -> Tensor:
    """Return the transform's matrix, (count, bands), of the type and on the device of `like`."""
    if not 1 <= count <= bands:
        raise ConfigError(f"{bands} bands have 1 to {bands} coefficients; got {count}")
    order = torch.arange(count, dtype=torch.float64)[:, None]
    angle = math.pi * order * (torch.arange(bands) + 0.5) / bands
    cosines = angle.cos() * math.sqrt(2 / bands)
    cosines[0] *= math.sqrt(0.5)
    return cosines.to(like)
