"""Changing the sampling rate, of a whole signal or of blocks that arrive one by one.

Source: the SoX resampler (band-limited, linear phase), https://sourceforge.net/p/soxr.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import soxr

if TYPE_CHECKING:
    from torch import Tensor

QUALITY = "HQ"  # errors at 20 bits: below what 16-bit samples can hold


def resample(audio: Tensor, rate: int, target: int) -> Tensor:
    """Resample audio (..., time) from `rate` to `target`, both in hertz.

    Returns:
        Float32 audio (..., time * target / rate), the length rounded to the nearest, halves up.
        Band-limited peaks may pass those of the input.
    """
    import torch  # here, so that preparing a corpus needs no torch

    if not audio.numel():
        time = (2 * audio.shape[-1] * target + rate) // (2 * rate)
        return audio.new_zeros(*audio.shape[:-1], time).float()
    flat = audio.detach().to("cpu", torch.float32).reshape(-1, audio.shape[-1])
    if rate != target:
        flat = torch.from_numpy(soxr.resample(flat.T.numpy(), rate, target, QUALITY)).T
    return flat.reshape(*audio.shape[:-1], -1).contiguous().to(audio.device)


def resample_blocks(
    blocks: Iterable[np.ndarray], rate: int, target: int, *, channels: int | None = None
) -> Iterator[np.ndarray]:
    """Resample a signal given as float32 blocks, as `resample` would the whole.

    Args:
        blocks: Of shape (time,), or (time, channels) where channels are given.
        rate: Of the blocks, in hertz.
        target: Of the result, in hertz.
        channels: Of the blocks; they are of one channel and have no such dimension where None.

    Yields:
        Float32 blocks at `target`, some of them empty. Memory does not grow with time.
    """
    if rate == target:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, target, channels or 1, dtype="float32", quality=QUALITY)
    for block in blocks:
        yield stream.resample_chunk(block)
    end = np.empty(0 if channels is None else (0, channels), np.float32)
    yield stream.resample_chunk(end, last=True)
