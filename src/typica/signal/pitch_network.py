"""Pitch by a small pretrained network, swift-f0: pitch and a confidence for each 16 ms."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.core.errors import ConfigError, DataError, MissingFeatureError
from typica.signal.audio import check_audio
from typica.signal.resample import resample

RATE, HOP = 16000, 256  # of the network: what it hears, and samples from frame to frame
LOW, HIGH = 46.875, 2093.75  # hertz: all that it knows
VOICED = 0.5
"""Confidence from which a frame counts as voiced: the network is calibrated to it."""


class TrackedPitch(NamedTuple):
    """The pitch of each frame, of which there are 62.5 a second.

    Attributes:
        frequency: Fundamental in hertz, shape (..., frames), also where there is hardly one.
        confidence: That the frame has a pitch, in [0, 1]; 0 for silence.
    """

    frequency: Tensor
    confidence: Tensor

    @property
    def voiced(self) -> Tensor:
        """Which frames have a pitch, shape (..., frames)."""
        return self.confidence >= VOICED


def track_pitch(audio: Tensor, *, rate: int, low: float = LOW, high: float = HIGH) -> TrackedPitch:
    """Track the pitch of one voice, by a network that has heard speech, song and instruments.

    Against `typica.signal.pitch`, which is exact on clean periodic tones, it withstands noise and
    errs less by octaves. No gradient passes.

    Args:
        audio: Shape (..., time), of any rate.
        rate: Sampling rate in hertz.
        low: Lowest frequency looked for, in hertz.
        high: Highest frequency looked for, in hertz.

    Returns:
        Frames, the i-th at i / 62.5 s; float32, on the device of the audio.

    Raises:
        ConfigError: The range of frequencies is empty, or beyond what the network knows.
        MissingFeatureError: swift-f0 is not installed.
        DataError: Samples are not finite.
        ShapeError: There are no samples, or they are no 32- or 64-bit floats.
    """
    if not LOW <= low < low * 1.1 <= high <= HIGH:
        raise ConfigError(
            f"swift-f0 looks for pitches from {LOW} to {HIGH} Hz, over a range of a tenth at "
            f"least; got low={low}, high={high}"
        )
    check_audio(audio)
    if not audio.isfinite().all():
        raise DataError("no pitch is tracked in samples that are not finite")
    heard = resample(audio, rate, RATE)
    heard = heard.reshape(-1, heard.shape[-1])
    network = _network()
    found = [network.detect(one.numpy(), RATE, low, high) for one in heard.cpu()]
    frequency, confidence = (
        torch.from_numpy(np.stack([getattr(one, name) for one in found]).astype(np.float32))
        .reshape(*audio.shape[:-1], -1)
        .to(audio.device)
        for name in ("pitch_hz", "confidence")
    )
    return TrackedPitch(frequency, confidence)


@lru_cache(maxsize=1)
def _network() -> Any:
    try:
        from swift_f0 import SwiftF0
    except ImportError as error:
        raise MissingFeatureError("tracking pitch by a network", "swift-f0", "pitch") from error
    # One thread that does not wait busily: this is run beside training and streams.
    return SwiftF0(threads=1, spin=False)
