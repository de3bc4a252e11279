"""What audio is: refused at the door where it is none."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.errors import ShapeError


def check_audio(audio: Tensor, name: str = "audio") -> None:
    """Refuse what is no audio.

    Args:
        audio: What must have the shape (..., time).
        name: What it is called in the message.

    Raises:
        ShapeError: There are no samples, or they are no 32- or 64-bit floats.
    """
    if audio.dtype not in (torch.float32, torch.float64) or not audio.numel() or not audio.ndim:
        raise ShapeError(
            f"{name} must have shape (..., time), at least one sample, float32 or float64; got "
            f"{_found(audio)}"
        )


def check_amplitudes(audio: Tensor) -> None:
    """Refuse whole numbers, such as the samples of a 16-bit file, where amplitudes are meant.

    Raises:
        ShapeError: They are no floats.
    """
    if not audio.is_floating_point():
        raise ShapeError(f"amplitudes are floats in [-1, 1]; got {_found(audio)}")


def _found(audio: Tensor) -> str:
    return f"{audio.dtype} of shape {tuple(audio.shape)}"
