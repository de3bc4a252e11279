"""Mel spectra: frequency in steps that sound equal."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError, did_you_mean
from typica.signal.spectrum import HOP, WINDOW, magnitude

Formula = Literal["slaney", "htk"]

SLANEY_BREAK = 1000.0  # hertz; linear below, logarithmic above
SLANEY_STEP = 200.0 / 3  # hertz a mel below the break
SLANEY_RATIO = math.log(6.4) / 27  # log-hertz a mel above it


def hertz_to_mel(hertz: Tensor, formula: Formula = "slaney") -> Tensor:
    """Turn frequencies into mels.

    "htk": 2595 log10(1 + f / 700). "slaney": 3 f / 200 up to 1 kHz, then
    15 + 27 ln(f / 1000) / ln 6.4 (Slaney 1998, Auditory Toolbox, as librosa's default).
    """
    if formula == "htk":
        return 2595 * torch.log10(1 + hertz / 700)
    above = hertz.clamp(min=SLANEY_BREAK)
    logarithmic = SLANEY_BREAK / SLANEY_STEP + (above / SLANEY_BREAK).log() / SLANEY_RATIO
    return torch.where(hertz < SLANEY_BREAK, hertz / SLANEY_STEP, logarithmic)


def mel_to_hertz(mel: Tensor, formula: Formula = "slaney") -> Tensor:
    """Turn mels into frequencies: the inverse of `hertz_to_mel`."""
    if formula == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    knee = SLANEY_BREAK / SLANEY_STEP
    logarithmic = SLANEY_BREAK * ((mel.clamp(min=knee) - knee) * SLANEY_RATIO).exp()
    return torch.where(mel < knee, mel * SLANEY_STEP, logarithmic)


@cache
@torch.inference_mode(False)  # what is kept must serve training, wherever it was first asked for
def mel_filters(
    rate: int,
    *,
    bands: int = 80,
    window: int = WINDOW,
    low: float = 0.0,
    high: float | None = None,
    formula: Formula = "slaney",
) -> Tensor:
    """Return the mel filter bank: triangles that stand equally wide in mel.

    Band b rises from centre b - 1 to centre b and falls to centre b + 1, and is scaled to
    unit area over frequency (2 / (f[b + 1] - f[b - 1]) at its peak), so that white noise has
    the same expected power spectrum in every band.

    Args:
        rate: Sampling rate in hertz.
        bands: Number of bands.
        window: Length of the frames whose spectrum is filtered.
        low: Frequency in hertz at which the first band begins.
        high: Frequency at which the last one ends; half the rate where None.
        formula: Which mel: "slaney" or "htk".

    Returns:
        Shape (bands, window // 2 + 1), float32; not to be changed in place, for it is kept.

    Raises:
        ConfigError: The frequencies are out of order, a band is too narrow to hold a bin, or
            there are no bands or no such mel.
    """
    if bands < 1:
        raise ConfigError(f"a mel spectrum has at least 1 mel band; got bands={bands}")
    if formula not in get_args(Formula):
        raise ConfigError(
            f"there is no mel {formula!r}: {did_you_mean(formula, get_args(Formula))}"
        )
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ConfigError(f"mel bands must lie within 0 to {rate / 2} Hz; got {low} to {high}")
    ends = hertz_to_mel(torch.tensor([low, high], dtype=torch.float64), formula)
    mels = torch.linspace(float(ends[0]), float(ends[1]), bands + 2, dtype=torch.float64)
    edges = mel_to_hertz(mels, formula)[:, None]
    bins = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0) * 2 / (edges[2:] - edges[:-2])
    if not bool(filters.any(-1).all()):
        raise ConfigError(
            f"{bands} mel bands are too many for a window of {window} at {rate} Hz: "
            f"take fewer bands or a longer window"
        )
    return filters.float()


def mel_spectrogram(
    audio: Tensor,
    *,
    rate: int,
    bands: int = 80,
    window: int = WINDOW,
    hop: int = HOP,
    low: float = 0.0,
    high: float | None = None,
    formula: Formula = "slaney",
    power: float = 1.0,
) -> Tensor:
    """Return the mel spectrum of each frame.

    Args:
        audio: Shape (..., time).
        rate: Sampling rate in hertz.
        bands: Number of bands.
        window: Length of a frame in samples.
        hop: Samples from one frame to the next.
        low: Lowest frequency in hertz.
        high: Highest frequency in hertz; half the rate where None.
        formula: Which mel: "slaney" or "htk".
        power: What the magnitude is raised to before it is filtered: 1 or 2.

    Returns:
        Shape (..., bands, frames), at least 0.
    """
    filters = mel_filters(rate, bands=bands, window=window, low=low, high=high, formula=formula)
    spectrum = magnitude(audio, window=window, hop=hop) ** power
    return filters.to(spectrum) @ spectrum


def mel_to_magnitude(
    mel: Tensor,
    *,
    rate: int,
    window: int = WINDOW,
    low: float = 0.0,
    high: float | None = None,
    formula: Formula = "slaney",
    power: float = 1.0,
    iterations: int = 200,
) -> Tensor:
    """Return magnitudes, at least 0, whose mel spectrum is nearest in squares to a given one.

    Many have it, where a band holds several bins: begun from the pseudo-inverse, without its
    negative parts, the projected gradient with momentum goes to one near by. Partials that share
    a band are merged for good.

    Source: Beck and Teboulle 2009, "A fast iterative shrinkage-thresholding algorithm", section 4.

    Args:
        mel: Shape (..., bands, frames), as `mel_spectrogram` gives it.
        rate: As for `mel_spectrogram`.
        window: As for `mel_spectrogram`.
        low: As for `mel_spectrogram`.
        high: As for `mel_spectrogram`.
        formula: As for `mel_spectrogram`.
        power: As for `mel_spectrogram`.
        iterations: Steps of the gradient; 0 for the pseudo-inverse alone.

    Returns:
        Shape (..., window // 2 + 1, frames): magnitudes, not raised to the power. 0 outside of
        all bands.

    Raises:
        ShapeError: `mel` has no bands and frames.
    """
    if mel.ndim < 2:
        raise ShapeError(f"a mel spectrum has shape (..., bands, frames), got {tuple(mel.shape)}")
    bands = mel.shape[-2]
    filters = mel_filters(rate, bands=bands, window=window, low=low, high=high, formula=formula)
    # Bands of equal peaks, whatever their width, so that the least squares weigh them alike.
    heights = filters.amax(-1, keepdim=True)
    bank, target = (filters / heights).to(mel), mel / heights.to(mel)
    found = _nonnegative(bank, target, iterations)
    return found if power == 1 else found ** (1 / power)


def _nonnegative(bank: Tensor, target: Tensor, iterations: int) -> Tensor:
    """Minimise || bank x - target || over x of at least 0."""
    found = (torch.linalg.pinv(bank) @ target).clamp(min=0)
    step = 1 / torch.linalg.matrix_norm(bank, 2) ** 2
    ahead, momentum = found, 1.0
    for _ in range(iterations):
        before = found
        found = (ahead - step * (bank.mT @ (bank @ ahead - target))).clamp(min=0)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (momentum - 1) / following * (found - before)
        momentum = following
    return found
