"""One whole recording as a tensor, and back to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from typica.core.errors import DataError
from typica.core.files import replacing
from typica.data.audiofile import open_audio
from typica.data.shards import FULL_SCALE, PEAK, QUIETEST, to_codes
from typica.signal.resample import resample_blocks

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
        mono = (block.mean(1, dtype=np.float32) for block in file.blocks)
        audio = np.concatenate([*resample_blocks(mono, file.rate, rate), np.empty(0, np.float32)])
    except DataError as error:
        raise DataError(f"cannot use {path}: {error}") from error
    if reason := _unusable(audio):
        raise DataError(f"cannot use {path}: {reason}")
    gain = PEAK / np.abs(audio).max() if normalise == "peak" else 1.0
    # Rounded as in a shard: a model of levels would else see other levels near silence.
    codes = to_codes(audio, gain).astype(np.float32)
    return torch.from_numpy(codes / FULL_SCALE)[None]


def _unusable(audio: np.ndarray) -> str:
    """Why audio is of no use, or nothing."""
    if len(audio) < 2:
        return f"too short: {len(audio)} samples"
    if not np.isfinite(audio).all():
        return "holds values that are not finite numbers"
    return "silent" if audio.max() - audio.min() < 2 * QUIETEST else ""


def write_audio(path: Path, audio: Tensor, rate: int) -> None:
    """Write audio (channels, time) as a WAV file of 16 bits, whole or not at all.

    Raises:
        DiskError: It cannot be written.
    """
    import soundfile

    samples = audio.clamp(-1, 1).cpu().numpy().astype(np.float32).T
    with replacing(path) as place:
        soundfile.write(place, samples, rate, subtype="PCM_16", format="WAV")
