"""What can be measured of samples by themselves, beside the same figures of real recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.signal.loudness import SILENCE_DB, clipped_share, level_db, loudness_lufs, peak
from typica.signal.loudness import silence_share as share_of_silent_frames
from typica.signal.mel import mel_spectrogram
from typica.signal.pitch import HIGH, autocorrelation_peak, pitch
from typica.signal.spectrum import HOP, WINDOW, decibels, flatness

FRAME_S = 0.02  # silence is counted in frames of this
BANDS = 40
LEAST_LAG_S = 0.25  # a loop shorter than this is heard as a tone
LEAST_VARIETY_DB = 3.0  # a spectrum that varies less than this is held
AUDIBLE_DB = 40.0  # below the loudest band, noise would hide that all else stands still
LOWEST_LEVEL_DB = -120.0


@dataclass(frozen=True)
class Health:
    """Figures of audio; None where silence leaves nothing to measure.

    Attributes:
        level_db: Root mean square, decibels of full scale.
        loudness_lufs: Integrated loudness (ITU-R BS.1770).
        peak: Largest absolute amplitude.
        clipped: Share of samples at full scale, be it the outermost of 8-bit levels.
        silence: Share of frames of 20 ms under -60 dB.
        flatness: Mean spectral flatness of sounding frames: 0 for a tone, 0.56 for white noise.
        periodicity: Mean autocorrelation peak of sounding frames: 1 where periodic.
        voiced: Share of frames in which YIN finds a pitch.
        pitch: Median pitch of those, in hertz.
        pitch_low: Their 5th percentile.
        pitch_high: Their 95th percentile.
        repetition: How nearly the spectrum repeats itself at the best lag of at least 250 ms:
            1 for a loop or a held sound, about 0 where nothing comes back.
    """

    level_db: float
    loudness_lufs: float
    peak: float
    clipped: float
    silence: float
    flatness: float | None
    periodicity: float | None
    voiced: float
    pitch: float | None
    pitch_low: float | None
    pitch_high: float | None
    repetition: float | None


def examine(audio: Tensor, rate: int) -> Health:
    """Measure one clip, shape (channels, time) or (time,)."""
    audio = audio.reshape(-1, audio.shape[-1]).mean(0).float()
    highest = min(HIGH, rate / 4)  # a rate under 4 kHz holds no higher ones
    found = pitch(audio, rate=rate, high=highest)
    frequencies = found.frequency[found.voiced]
    low, middle, high = (
        torch.quantile(frequencies, torch.tensor([0.05, 0.5, 0.95]).to(frequencies)).tolist()
        if len(frequencies)
        else (None, None, None)
    )
    return Health(
        level_db=max(float(level_db(audio)), LOWEST_LEVEL_DB),
        loudness_lufs=max(float(loudness_lufs(audio, rate=rate)), LOWEST_LEVEL_DB),
        peak=float(peak(audio)),
        clipped=float(clipped_share(audio)),
        silence=silence(audio, rate),
        flatness=mean_flatness(audio),
        periodicity=_mean(_positive(autocorrelation_peak(audio, rate=rate, high=highest))),
        voiced=float(found.voiced.float().mean()),
        pitch=middle,
        pitch_low=low,
        pitch_high=high,
        repetition=repetition(audio, rate),
    )


def mean_health(clips: Sequence[Health]) -> Health:
    """Return the means over clips of each figure, over those that have it."""
    means = {}
    for field in fields(Health):
        values = [value for clip in clips if (value := getattr(clip, field.name)) is not None]
        means[field.name] = sum(values) / len(values) if values else None
    return Health(**means)  # type: ignore[arg-type]


def silence(audio: Tensor, rate: int) -> float:
    """Return the share of frames of 20 ms of audio (time,) that are under -60 dB."""
    return float(share_of_silent_frames(audio, frame=round(FRAME_S * rate)))


def mean_flatness(audio: Tensor) -> float | None:
    """Return the mean spectral flatness of the sounding frames of audio (time,), None for none."""
    return _mean(flatness(audio)[_sounding(audio)])


def spectral_distance_db(one: Sequence[Tensor], other: Sequence[Tensor], rate: int) -> float | None:
    """Return how far the mean spectra of two sets of clips lie apart, in decibels.

    The root mean square, over 40 mel bands, of the difference of the mean log-mel spectra of
    the sounding frames. None where one of the sets is silent.
    """
    means = [_mean_log_mel(clips, rate) for clips in (one, other)]
    if any(mean is None for mean in means):
        return None
    return float((means[0] - means[1]).square().mean().sqrt())  # type: ignore[operator]


def repetition(audio: Tensor, rate: int) -> float | None:
    """Return how nearly the spectrum of audio (time,) comes back at the lag that suits it best.

    With D(lag) the mean root-mean-square difference, over mel bands in decibels, of frames that
    lie `lag` apart, it is 1 - min D / mean D over lags from 250 ms to half the audio. What is
    40 dB below the loudest band is taken as if it were that loud. Where the spectrum hardly
    varies, D is compared with 3 dB instead of its own mean. None for silence, or audio too
    short to tell (under a second).
    """
    frames = _log_mel(audio, rate).T
    frames = frames.clamp(min=float(frames.max()) - AUDIBLE_DB)
    least, most = round(LEAST_LAG_S * rate / HOP), len(frames) // 2
    if most < 2 * least or not bool(_sounding(audio).any()):
        return None
    distances = torch.stack(
        [
            (frames[lag:] - frames[:-lag]).square().mean(-1).sqrt().mean()
            for lag in range(least, most)
        ]
    )
    return float(1 - distances.min() / distances.mean().clamp(min=LEAST_VARIETY_DB))


def _log_mel(audio: Tensor, rate: int) -> Tensor:
    """Return the log-mel spectrum of audio (time,) in decibels, shape (bands, frames)."""
    return decibels(mel_spectrogram(audio.float(), rate=rate, bands=BANDS), floor_db=-60)


def _mean_log_mel(clips: Sequence[Tensor], rate: int) -> Tensor | None:
    clips = [clip.reshape(-1, clip.shape[-1]).mean(0) for clip in clips]
    frames = [_log_mel(clip, rate)[:, _sounding(clip)] for clip in clips]
    together = torch.cat(frames, -1)
    return together.mean(-1) if together.shape[-1] else None


def _sounding(audio: Tensor) -> Tensor:
    """Tell which frames of the short-time spectrum are not silent, shape (frames,)."""
    padded = F.pad(audio, (WINDOW // 2, WINDOW // 2))
    frames = padded.unfold(-1, WINDOW, HOP)
    return 10 * frames.square().mean(-1).log10() >= SILENCE_DB


def _positive(values: Tensor) -> Tensor:
    return values[values > 0]


def _mean(values: Tensor) -> float | None:
    return float(values.mean()) if values.numel() else None
