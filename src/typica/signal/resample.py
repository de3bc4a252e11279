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

    flat = audio.detach().to("cpu", torch.float32).reshape(-1, audio.shape[-1])
    if rate != target:
        flat = torch.from_numpy(soxr.resample(flat.T.numpy(), rate, target, QUALITY)).T
    return flat.reshape(*audio.shape[:-1], -1).contiguous().to(audio.device)


def resample_blocks(blocks: Iterable[np.ndarray], rate: int, target: int) -> Iterator[np.ndarray]:
    """Resample a mono signal given as float32 blocks (time,), as `resample` would the whole.

    Yields:
        Float32 blocks (time,) at `target`, some of them empty. Memory does not grow with time.
    """
    if rate == target:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, target, 1, dtype="float32", quality=QUALITY)
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)
