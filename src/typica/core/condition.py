"""What a model is told besides audio: labels and frames, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.errors import ConfigError


class Track(NamedTuple):
    """One thing a model is told.

    Attributes:
        values: Sparse: one class per example, shape (batch,), int64.
            Dense: frames, shape (batch, channels, frames), float.
        rate: Frames a second of a dense track; None for a sparse one. Frame `i` covers the
            audio from `i / rate` to `(i + 1) / rate` seconds.
    """

    values: Tensor
    rate: float | None = None


Condition = Mapping[str, Track]


class Need(NamedTuple):
    """What a model must be told under one name.

    Attributes:
        channels: Classes of a sparse track, channels of a dense one.
        hop: Audio samples a frame of a dense track; None for a sparse one.
        optional: Whether it may be left out: what follows then is of no class in particular.
    """

    channels: int
    hop: int | None = None
    optional: bool = False


def required(needs: Mapping[str, Need]) -> dict[str, Need]:
    """Return those needs that cannot be left out."""
    return {name: need for name, need in needs.items() if not need.optional}


def check_condition(condition: Condition | None, needs: Mapping[str, Need], count: int) -> None:
    """Refuse a condition that is not what a model needs.

    Raises:
        ConfigError: A track is missing, is one too many, or has the wrong shape.
    """
    given = condition or {}
    if not required(needs).keys() <= given.keys() <= needs.keys():
        wanted, came = ", ".join(sorted(needs)) or "none", ", ".join(sorted(given)) or "none"
        raise ConfigError(f"this model is told: {wanted}; the condition holds: {came}")
    for name, track in given.items():
        need, values = needs[name], track.values
        shape = tuple(values.shape)
        if need.hop is None:
            if shape != (count,):
                raise ConfigError(f"{name!r} must have shape ({count},), got {shape}")
            if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < need.channels:
                raise ConfigError(f"{name!r} must hold classes from 0 to {need.channels - 1}")
        elif len(shape) != 3 or shape[:2] != (count, need.channels):
            raise ConfigError(
                f"{name!r} must have shape ({count}, {need.channels}, frames), got {shape}"
            )


def to_device(condition: Condition | None, device: torch.device | str) -> Condition | None:
    """Move a condition to a device."""
    if condition is None:
        return None
    return {name: Track(track.values.to(device), track.rate) for name, track in condition.items()}
