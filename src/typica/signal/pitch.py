"""Pitch and periodicity of audio, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ConfigError
from typica.signal.audio import check_audio

LOW, HIGH = 50.0, 1000.0  # hertz
HOP_S = 0.02
THRESHOLD = 0.15  # of YIN's normalised difference; its authors take 0.1 for clean speech
AT_ONCE = 1024  # frames
TINY = 1e-10  # mean square of a frame that is silent


class Pitch(NamedTuple):
    """The pitch of each frame.

    Attributes:
        frequency: Fundamental in hertz, shape (..., frames), wherever the best period lies.
        aperiodicity: YIN's normalised difference at that period: 0 for a periodic frame,
            about 1 for noise, 1 for silence.
    """

    frequency: Tensor
    aperiodicity: Tensor

    @property
    def voiced(self) -> Tensor:
        """Which frames have a pitch, shape (..., frames)."""
        return self.aperiodicity < THRESHOLD


def pitch(audio: Tensor, *, rate: int, low: float = LOW, high: float = HIGH) -> Pitch:
    """Estimate the fundamental frequency by YIN.

    With d(tau) = sum_j (x[j] - x[j + tau])^2 over one window of j, the period is the first dip
    of d'(tau) = d(tau) / ((1 / tau) sum_{k <= tau} d(k)) under a threshold, or else its lowest
    point, refined by a parabola. One voice is assumed: of a chord, the answer is a common
    period of its notes or the loudest note.

    Source: de Cheveigne and Kawahara 2002, equations 6 and 8 and steps 4 and 5.

    Args:
        audio: Shape (..., time); frames begin every 20 ms.
        rate: Sampling rate in hertz.
        low: Lowest frequency looked for, in hertz; sets the window, two periods of it.
        high: Highest frequency looked for, in hertz.
    """
    shortest, longest = _lags(rate, low, high)
    found = [
        _period(frames, shortest, longest) for frames in _frames(audio, 2 * (longest + 1), rate)
    ]
    period, depth = (torch.cat(one, dim=-1) for one in zip(*found, strict=True))
    return Pitch(rate / period, depth.float())


def autocorrelation_peak(
    audio: Tensor, *, rate: int, low: float = LOW, high: float = HIGH
) -> Tensor:
    """Return how periodic each frame is, shape (..., frames), in [0, 1].

    The highest r(tau) = sum_j x[j] x[j + tau] / sqrt(sum_j x[j]^2 sum_j x[j + tau]^2) over
    periods from 1 / high to 1 / low, counted only after r has first fallen to 0, so that
    slowly varying noise does not pass for a tone. 1 for a periodic frame; for white noise
    the highest of many values around 0 (about 0.15 at 16 kHz); 0 for silence.
    """
    shortest, longest = _lags(rate, low, high)
    found = [
        _likeness(frames, shortest, longest) for frames in _frames(audio, 2 * (longest + 1), rate)
    ]
    return torch.cat(found, dim=-1).clamp(0, 1).float()


def _period(frames: Tensor, shortest: int, longest: int) -> tuple[Tensor, Tensor]:
    """Return YIN's period in samples and its normalised difference there, (..., frames) each."""
    difference = _difference(frames, longest + 1)
    lags = torch.arange(longest + 2, device=frames.device)
    normalised = difference * lags / difference.cumsum(-1).clamp(min=TINY)
    place = _first_dip(normalised, shortest)
    depth = normalised.gather(-1, place[..., None])[..., 0]
    silent = frames.square().mean(-1) < TINY
    depth = torch.where(silent, torch.ones_like(depth), depth)
    # The raw difference is refined: the normalised one's dips are shifted by its slope.
    return _vertex(difference, place), depth


def _likeness(frames: Tensor, shortest: int, longest: int) -> Tensor:
    """Return the highest correlation of frames with themselves a period later, (..., frames)."""
    cross, head, tails = _products(frames, longest + 1)
    silent = head <= TINY * (longest + 1)
    correlation = cross / (head * tails).clamp(min=TINY**2).sqrt()
    fallen = (correlation <= 0).cumsum(-1) > 0
    allowed = fallen & (torch.arange(longest + 2, device=frames.device) >= shortest)
    best = torch.where(allowed, correlation, torch.zeros_like(correlation)).amax(-1)
    return torch.where(silent[..., 0], torch.zeros_like(best), best)


def _lags(rate: int, low: float, high: float) -> tuple[int, int]:
    if not 0 < low < high <= rate / 4:
        raise ConfigError(
            f"pitch is looked for from low to high, 0 < low < high <= {rate / 4} Hz; "
            f"got low={low}, high={high}"
        )
    return int(rate / high), int(rate / low) + 1


def _frames(audio: Tensor, length: int, rate: int) -> Iterable[Tensor]:
    """Cut frames every 20 ms, some (..., frames, length) at a time, in float64."""
    check_audio(audio)
    audio = F.pad(audio.double(), (0, max(0, length - audio.shape[-1])))
    frames = audio.unfold(-1, length, max(1, round(HOP_S * rate)))
    # Of all frames at once the spectra of an hour would not fit into memory.
    return frames.split(AT_ONCE, dim=-2)


def _products(frames: Tensor, longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return sum_j x[j] x[j + tau], sum_j x[j]^2 and sum_j x[j + tau]^2 for lags 0 to longest.

    j runs over the first half of the frame, so that every lag has as many terms.
    """
    half = frames.shape[-1] // 2
    size = 2 * frames.shape[-1]
    spectrum = torch.fft.rfft(frames, size)
    head = torch.fft.rfft(frames[..., :half], size)
    cross = torch.fft.irfft(spectrum * head.conj(), size)[..., : longest + 1]
    power = F.pad(frames.square().cumsum(-1), (1, 0))
    tails = power[..., half : half + longest + 1] - power[..., : longest + 1]
    return cross, tails[..., :1], tails


def _difference(frames: Tensor, longest: int) -> Tensor:
    """Return YIN's d(tau), shape (..., longest + 1)."""
    cross, head, tails = _products(frames, longest)
    return (head + tails - 2 * cross).clamp(min=0)


def _first_dip(normalised: Tensor, first: int) -> Tensor:
    """Return the place of the first local minimum under the threshold, or of the lowest."""
    inner = normalised[..., first:-1]
    dips = (
        (inner <= normalised[..., first - 1 : -2])
        & (inner <= normalised[..., first + 1 :])
        & (inner < THRESHOLD)
    )
    place = torch.where(dips.any(-1), dips.int().argmax(-1), inner.argmin(-1))
    return place + first


def _vertex(values: Tensor, place: Tensor) -> Tensor:
    """Refine the place of a minimum by the parabola through it and its neighbours."""
    left, middle, right = (
        values.gather(-1, place[..., None] + step)[..., 0] for step in (-1, 0, 1)
    )
    curvature = left - 2 * middle + right
    shift = torch.where(curvature > 0, 0.5 * (left - right) / curvature, 0.0)
    return place + shift.clamp(-0.5, 0.5)
