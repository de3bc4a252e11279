"""Logarithms of magnitudes, as models are given them, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.errors import ConfigError
from typica.signal.spectrum import decibels

SMALLEST = 1e-5  # natural logarithm's floor, as in Tacotron 2 and WaveGlow
SHIFT = 1e-6
LOWEST_DB, REFERENCE_DB = -100.0, 20.0


def log_magnitudes(magnitudes: Tensor, *, smallest: float = SMALLEST) -> Tensor:
    """Return ln max(M, smallest): what is softer counts as silence, and is lost.

    Source: Shen et al. 2018, https://arxiv.org/abs/1712.05884, section 2.1.
    """
    return magnitudes.clamp(min=_positive(smallest)).log()


def exp_magnitudes(logarithms: Tensor) -> Tensor:
    """Undo `log_magnitudes`, for magnitudes that were not below its floor."""
    return logarithms.exp()


def shifted_log(magnitudes: Tensor, *, shift: float = SHIFT) -> Tensor:
    """Return ln(M + shift): finite at 0, and undone by `shifted_exp`.

    Source: Engel et al. 2019, https://arxiv.org/abs/1902.08710 (GANSynth), its released code.
    """
    return (magnitudes + _positive(shift)).log()


def shifted_exp(logarithms: Tensor, *, shift: float = SHIFT) -> Tensor:
    """Undo `shifted_log`; what would be less than 0 is 0."""
    return (logarithms.exp() - _positive(shift)).clamp(min=0)


def unit_decibels(
    magnitudes: Tensor, *, lowest_db: float = LOWEST_DB, reference_db: float = REFERENCE_DB
) -> Tensor:
    """Return magnitudes in decibels, with [lowest_db, 0] below a reference laid onto [0, 1].

    clip((20 log10 M - reference - lowest) / -lowest, 0, 1): both ends are cut off.

    Source: Kim et al. 2019, https://arxiv.org/abs/1811.02155 (FloWaveNet), its mel spectra.
    """
    floor_db = lowest_db + reference_db
    return ((decibels(magnitudes, floor_db=floor_db) - floor_db) / -_below_zero(lowest_db)).clamp(
        max=1
    )


def magnitudes_of_unit_decibels(
    values: Tensor, *, lowest_db: float = LOWEST_DB, reference_db: float = REFERENCE_DB
) -> Tensor:
    """Undo `unit_decibels`, for magnitudes that it did not cut off."""
    return torch.pow(10, (values * -_below_zero(lowest_db) + lowest_db + reference_db) / 20)


def _positive(smallest: float) -> float:
    if smallest > 0:
        return smallest
    raise ConfigError(f"the smallest magnitude must be above 0; got {smallest}")


def _below_zero(lowest_db: float) -> float:
    if lowest_db < 0:
        return lowest_db
    raise ConfigError(f"lowest_db must lie below 0 dB; got {lowest_db}")
