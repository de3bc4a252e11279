"""Short-time spectra: there and back, and what can be read off them."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.errors import ConfigError, ShapeError
from typica.signal.audio import check_audio

WINDOW, HOP = 1024, 256
FLOOR_DB = -100.0
TINY = 1e-12  # power under which nothing is heard, far below one level of 16-bit PCM


def stft(audio: Tensor, *, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return the complex short-time spectrum.

    X[k, m] = sum_n w[n] x[m hop + n - window / 2] exp(-2 pi i k n / window), with a periodic
    Hann window w and silence beyond both ends: frame m is centred on sample m hop.

    Args:
        audio: Shape (..., time), float32 or float64.
        window: Length of a frame in samples, even.
        hop: Samples from one frame to the next, at most half a window.

    Returns:
        Shape (..., window // 2 + 1, frames) with frames = time // hop + 1.

    Raises:
        ConfigError: The hop is too long for the inverse to exist with a margin.
        ShapeError: There are no samples, or they are no 32- or 64-bit floats.
    """
    check_sizes(window, hop)
    check_audio(audio)
    flat = audio.reshape(-1, audio.shape[-1])
    spectrum = torch.stft(
        flat,
        window,
        hop,
        window=torch.hann_window(window, dtype=audio.dtype, device=audio.device),
        center=True,
        pad_mode="constant",  # reflection would refuse audio shorter than half a window
        return_complex=True,
    )
    return spectrum.reshape(*audio.shape[:-1], *spectrum.shape[-2:])


def istft(spectrum: Tensor, *, length: int, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return the audio whose short-time spectrum is nearest, in squares, to `spectrum`.

    x[n] = sum_m w[n - m hop] x_m[n] / sum_m w[n - m hop]^2, with x_m the inverse transform of
    frame m. It undoes `stft` to rounding as the denominator vanishes nowhere for a hop of at
    most half a window. At just half a window, the very last samples of audio whose length is no
    multiple of the hop are seen by the edge of one window alone: in float32 they may come back
    wrong by a few thousandths.

    Source: Griffin and Lim 1984, equation 6.

    Args:
        spectrum: Shape (..., window // 2 + 1, frames), complex.
        length: Samples to return: that of the audio which `stft` read.
        window: As for `stft`.
        hop: As for `stft`.

    Returns:
        Shape (..., length).

    Raises:
        ConfigError: The hop is too long, as for `stft`.
        ShapeError: The spectrum has not the bins of the window or the frames of the length.
    """
    check_spectrum(spectrum, length=length, window=window, hop=hop)
    flat = spectrum.reshape(-1, *spectrum.shape[-2:])
    shape = torch.hann_window(window, dtype=spectrum.real.dtype, device=spectrum.device)
    audio = torch.istft(flat, window, hop, window=shape, center=True, length=length)
    return audio.reshape(*spectrum.shape[:-2], length)


def magnitude(audio: Tensor, *, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return the magnitude of the short-time spectrum, (..., window // 2 + 1, frames)."""
    return stft(audio, window=window, hop=hop).abs()


def decibels(magnitudes: Tensor, *, floor_db: float = FLOOR_DB) -> Tensor:
    """Return 20 log10 of magnitudes, none under `floor_db`."""
    return 20 * magnitudes.clamp(min=10 ** (floor_db / 20)).log10()


def flatness(audio: Tensor, *, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return the spectral flatness of each frame, in [0, 1], shape (..., frames).

    The geometric over the arithmetic mean of the power spectrum: near 0 for a tone, 1 for a
    click or digital silence, and exp(-0.5772) = 0.561 in the mean for white noise, whose
    periodogram has exponentially distributed ordinates.

    Source: Gray and Markel 1974, "A spectral-flatness measure".
    """
    power = magnitude(audio, window=window, hop=hop).square() + TINY
    return power.log().mean(-2).exp() / power.mean(-2)


def convergence_db(audio: Tensor, magnitudes: Tensor, *, window: int, hop: int) -> Tensor:
    """Return how far audio is from having given magnitudes, shape (...): lower is nearer.

    The spectral convergence || |stft(audio)| - M || / || M || in decibels, with norms over bins
    and frames. Source: Sturmel and Daudet 2011, "Signal reconstruction from STFT magnitude".
    """
    distance = torch.linalg.matrix_norm(magnitude(audio, window=window, hop=hop) - magnitudes)
    return 20 * (distance / torch.linalg.matrix_norm(magnitudes)).log10()


def check_sizes(window: int, hop: int) -> None:
    """Refuse sizes for which the sum of squared windows may vanish, so that no inverse exists.

    A periodic Hann window is 0 at its first sample alone; with a hop of at most half a window,
    each sample lies well inside at least one.

    Raises:
        ConfigError: The window is odd or the hop is not within 1 to half a window.
    """
    if window < 2 or window % 2 or not 0 < hop <= window // 2:
        raise ConfigError(
            f"a short-time spectrum needs an even window and a hop of at most half of it; "
            f"got window={window}, hop={hop}"
        )


def check_spectrum(spectrum: Tensor, *, length: int, window: int, hop: int) -> None:
    """Refuse a spectrum, or magnitudes, that cannot be those of `length` samples.

    Raises:
        ConfigError: As for `check_sizes`.
        ShapeError: The bins are not those of the window, or the frames not those of the length.
    """
    check_sizes(window, hop)
    wanted = (window // 2 + 1, length // hop + 1)
    if length < 1 or tuple(spectrum.shape[-2:]) != wanted:
        raise ShapeError(
            f"{length} samples have a short-time spectrum of shape (..., {wanted[0]}, "
            f"{wanted[1]}) at window={window}, hop={hop}; got {tuple(spectrum.shape)}"
        )
