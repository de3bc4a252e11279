"""One whole recording as a tensor, and back to a file."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from typica.core.errors import DataError
from typica.core.files import replacing
from typica.data.audiofile import open_audio
from typica.data.pcm import FULL_SCALE, Extent, mono_blocks, to_codes

if TYPE_CHECKING:
    from torch import Tensor


def read_audio(path: Path, rate: int, *, normalise: str = "none") -> Tensor:
    """Read a sound file as a corpus would: mono, at `rate`, normalised as the corpus is.

    Args:
        path: Any file that preparing a corpus takes.
        rate: Hertz of the result.
        normalise: "peak" or "none".

    Returns:
        Float32 audio in [-1, 1], shape (1, time).

    Raises:
        DataError: It cannot be read, or holds nothing that can be used.
    """
    import torch  # here, so that preparing a corpus needs no torch

    try:
        file = open_audio(Path(path))
        with np.errstate(invalid="ignore", over="ignore"):
            blocks = list(mono_blocks(file.blocks, file.rate, rate))
            extent = reduce(Extent.with_block, blocks, Extent())
        extent.check(2, rate)
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error
    codes = to_codes(np.concatenate(blocks), extent.gain(normalise))
    return torch.from_numpy(codes.astype(np.float32) / FULL_SCALE)[None]


def write_audio(path: Path, audio: Tensor, rate: int) -> None:
    """Write audio (channels, time) as a WAV file of 16 bits, whole or not at all.

    Raises:
        DiskError: It cannot be written.
    """
    import soundfile

    samples = audio.clamp(-1, 1).cpu().numpy().astype(np.float32).T
    with replacing(path) as place:
        soundfile.write(place, samples, rate, subtype="PCM_16", format="WAV")
