"""One whole recording as a tensor, and back to a file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from io import BytesIO
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
        blocks = list(_mono(path, rate))
        extent = reduce(Extent.with_block, blocks, Extent())
        extent.check(2, rate)
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error
    codes = to_codes(np.concatenate(blocks), extent.gain(normalise))
    return torch.from_numpy(codes.astype(np.float32) / FULL_SCALE)[None]


def sound_blocks(
    path: Path, rate: int, size: int, *, normalise: str = "none", least: int = 1
) -> Iterator[Tensor]:
    """Read a sound file block by block, as `read_audio` would whole: memory stays bounded.

    It is read twice: its peak must be known before it is scaled. Silence is left as it is.

    Args:
        path: Any file that preparing a corpus takes.
        rate: Hertz of the result.
        size: Samples of a block; the last may be shorter.
        normalise: "peak" or "none".
        least: Samples below which it is refused as too short.

    Yields:
        Float32 audio in [-1, 1], shape (1, time).

    Raises:
        DataError: It cannot be read, or is too short.
    """
    import torch

    try:
        extent = reduce(Extent.with_block, _mono(path, rate), Extent())
        extent.check_sound(least, rate)
        gain = 1.0 if extent.silent else extent.gain(normalise)
        for block in _sized(_mono(path, rate), size):
            codes = to_codes(block, gain)
            yield torch.from_numpy(codes.astype(np.float32) / FULL_SCALE)[None]
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error


def _mono(path: Path, rate: int) -> Iterator[np.ndarray]:
    file = open_audio(Path(path))
    with np.errstate(invalid="ignore", over="ignore"):
        yield from mono_blocks(file.blocks, file.rate, rate)


def _sized(blocks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Cut blocks anew, into ones of `size` and a last one that may be shorter."""
    kept: list[np.ndarray] = []
    waiting = 0
    for block in blocks:
        kept.append(block)
        waiting += len(block)
        if waiting < size:
            continue
        whole = np.concatenate(kept)
        cut = waiting - waiting % size
        yield from whole[:cut].reshape(-1, size)
        kept, waiting = [whole[cut:]], waiting - cut
    if waiting:
        yield np.concatenate(kept)


def write_audio(path: Path, audio: Tensor, rate: int) -> None:
    """Write audio (channels, time) as a WAV file of 16 bits, whole or not at all.

    Raises:
        DiskError: It cannot be written.
    """
    import soundfile

    samples = audio.clamp(-1, 1).cpu().numpy().astype(np.float32).T
    file = BytesIO()  # libsndfile would not say that a disk is full in a way that is understood
    soundfile.write(file, samples, rate, subtype="PCM_16", format="WAV")
    with replacing(path) as place:
        place.write_bytes(file.getbuffer())
