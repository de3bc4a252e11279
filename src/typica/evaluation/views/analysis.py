"""What the panels of a recording show, as numbers: each is computed when it is asked for."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ConfigError, MissingFeatureError
from typica.signal.constant_q import LOWEST, ConstantQ
from typica.signal.loudness import level_db, loudness_lufs, peak
from typica.signal.mel import mel_filters, mel_spectrogram
from typica.signal.phase import frequency_hertz, wrap
from typica.signal.pitch import HIGH, HOP_S, LOW, THRESHOLD, pitch
from typica.signal.pitch_network import HOP as NETWORK_HOP
from typica.signal.pitch_network import RATE as NETWORK_RATE
from typica.signal.pitch_network import VOICED, track_pitch
from typica.signal.resample import resample
from typica.signal.spectrum import decibels, stft
from typica.signal.weighting import a_weighted_db

WINDOW_S = 0.05  # about which the window lasts: partials of a low voice apart, syllables too
SHORTEST = 32  # samples of a window, for clicks
OVERLAP, CLOSEST = 4, 16  # hops in a window; of short audio more, so that its picture is fine
FEW = 500  # frames
BANDS = (80, 40, 20, 10, 5)  # of the mel spectrum: as many as the window can tell apart
PER_OCTAVE = 36
HIGHEST_RATE = 22_050  # of the constant-Q spectrum: its octaves end where notes do
SILENCE_S = 1.0  # about as long as the lowest bin of the constant-Q spectrum rings
MASK_DB = -50.0  # under the loudest bin: what is softer has no phase worth showing
FOOT_DB = -24.0  # under the loudest bin nearby: the lobe of a Hann window that holds its partial
FLOOR_DB = -160.0


class Sizes(NamedTuple):
    """Samples of a window, and from one to the next."""

    window: int
    hop: int


class PitchTrack(NamedTuple):
    """The pitch of frames.

    Attributes:
        time_s: The middle of each, in seconds from the beginning of the audio, (frames,).
        hertz: Fundamental, (frames,).
        confidence: That there is a pitch, in [0, 1], (frames,).
        voiced_from: Confidence from which a frame counts as voiced.
        tracker: What found it, in words.
    """

    time_s: Tensor
    hertz: Tensor
    confidence: Tensor
    voiced_from: float
    tracker: str

    @property
    def voiced(self) -> Tensor:
        """Which frames have a pitch, (frames,)."""
        return self.confidence >= self.voiced_from

    @property
    def median_hertz(self) -> float | None:
        """The median of voiced frames; None where none is."""
        return float(self.hertz[self.voiced].median()) if bool(self.voiced.any()) else None


def sizes_of(samples: int, rate: int) -> Sizes:
    """Return the sizes of a short-time spectrum that suits so many samples at a rate."""
    usual = 2 ** round(math.log2(rate * WINDOW_S))
    short = 2 ** int(math.log2(max(samples, OVERLAP) / OVERLAP))
    window = max(SHORTEST, min(usual, short))
    hop = window // OVERLAP
    while samples < FEW * hop and hop > window // CLOSEST:
        hop //= 2
    return Sizes(window, hop)


class Analysis:
    """The pictures of a stretch of audio.

    Args:
        audio: Shape (time,), float32, at least one sample.
        rate: Hertz.
    """

    def __init__(self, audio: Tensor, rate: int) -> None:
        self.audio, self.rate = audio, rate
        self.sizes = sizes_of(len(audio), rate)

    @cached_property
    def spectrum(self) -> Tensor:
        """The complex short-time spectrum, scaled so that a full-scale sine has magnitude 1.

        Shape (bins, frames); frame m stands at sample m hop.
        """
        # A sine's energy lies in two bins, k and -k, each with half of its amplitude.
        return stft(self.audio, **self.sizes._asdict()) * (4 / self.sizes.window)

    @cached_property
    def magnitude_db(self) -> Tensor:
        """The magnitude in decibels of a full-scale sine, (bins, frames)."""
        return decibels(self.spectrum.abs(), floor_db=FLOOR_DB)

    @property
    def loud(self) -> Tensor:
        """Which bins are within 50 dB of the loudest, (bins, frames); none of silence are."""
        level = self.magnitude_db
        return (level > level.max() + MASK_DB) & (level > FLOOR_DB)

    @cached_property
    def phase(self) -> Tensor:
        """The phase in radians, less what each bin's own frequency turns from the beginning on.

        Counted from each frame's own beginning a phase turns many times around from one to the
        next. Counted from time 0, that of a partial turns by its distance from the bin alone.
        Shape (bins, frames).
        """
        window, hop = self.sizes
        bins = torch.arange(self.spectrum.shape[0])[:, None]
        first = hop * torch.arange(self.spectrum.shape[1]) - window // 2
        turns = torch.remainder(bins * first, window).double() / window
        return wrap(self.spectrum.angle() - (2 * math.pi * turns).float())

    @cached_property
    def frequency(self) -> Tensor:
        """The instantaneous frequency in hertz, between frames m and m + 1; (bins, frames - 1)."""
        return frequency_hertz(self.spectrum.angle(), rate=self.rate, **self.sizes._asdict())

    @cached_property
    def frequency_is_known(self) -> Tensor:
        """Where both frames are loud, so that their step of phase means a frequency.

        Loud among all bins, and among those next to them: at the foot of a partial, the phase
        turns too far from its bin's own frequency to be told from other turns.
        """
        level = self.magnitude_db
        around = F.max_pool2d(level[None], (2 * OVERLAP + 1, 1), 1, (OVERLAP, 0))[0]
        known = self.loud & (level > around + FOOT_DB)
        return known[:, 1:] & known[:, :-1]

    @cached_property
    def mel_db(self) -> Tensor:
        """The mel spectrum in decibels of its loudest value, (bands, frames)."""
        window, hop = self.sizes
        mel = mel_spectrogram(self.audio, rate=self.rate, bands=self.bands, window=window, hop=hop)
        level = decibels(mel, floor_db=FLOOR_DB)
        return level - level.max() if bool(self.loud.any()) else level

    @cached_property
    def bands(self) -> int:
        """How many mel bands there are."""
        for bands in BANDS[:-1]:
            try:
                mel_filters(self.rate, bands=bands, window=self.sizes.window)
            except ConfigError:
                continue
            return bands
        return BANDS[-1]

    @cached_property
    def transform(self) -> ConstantQ:
        """The constant-Q transform, of audio at its own rate or at 22050 Hz."""
        return ConstantQ(min(self.rate, HIGHEST_RATE), per_octave=PER_OCTAVE, lowest=LOWEST)

    @cached_property
    def constant_q_db(self) -> Tensor:
        """The constant-Q spectrum in decibels of a full-scale sine, (bins, frames)."""
        transform = self.transform
        audio = resample(self.audio, self.rate, transform.rate)
        frames = max(1, math.ceil(len(audio) / transform.hop))
        # It takes audio as periodic: silence keeps the end from sounding at the beginning.
        silence = round(SILENCE_S * transform.rate)
        bands = transform.encode(F.pad(audio, (0, silence)))[1:-1, :frames]
        return decibels(bands.abs(), floor_db=FLOOR_DB)

    @cached_property
    def pitch(self) -> PitchTrack:
        """The pitch, by swift-f0 where it is installed, else by YIN."""
        try:
            found = track_pitch(self.audio, rate=self.rate)
        except MissingFeatureError:
            return self._pitch_by_yin()
        time_s = torch.arange(len(found.frequency)) * (NETWORK_HOP / NETWORK_RATE)
        return PitchTrack(time_s, found.frequency, found.confidence, VOICED, "swift-f0")

    def _pitch_by_yin(self) -> PitchTrack:
        found = pitch(self.audio, rate=self.rate, low=LOW, high=min(HIGH, self.rate / 4))
        middle_s = 1 / LOW  # a frame is two periods of the lowest frequency long
        time_s = torch.arange(len(found.frequency)) * HOP_S + middle_s
        confidence = (1 - found.aperiodicity).clamp(0, 1)
        return PitchTrack(time_s, found.frequency.float(), confidence, 1 - THRESHOLD, "YIN")

    @cached_property
    def loudness_db(self) -> Tensor:
        """The A-weighted level of each frame, in decibels of full scale, (frames,)."""
        window, hop = self.sizes
        return a_weighted_db(self.audio, rate=self.rate, window=window, hop=hop)

    @property
    def peak(self) -> float:
        """Largest amplitude."""
        return float(peak(self.audio))

    @property
    def level_db(self) -> float:
        """Root mean square in decibels of full scale; -inf for silence."""
        return float(level_db(self.audio.double()))

    @property
    def lufs(self) -> float:
        """Integrated loudness in LUFS; -inf for silence."""
        return float(loudness_lufs(self.audio, rate=self.rate))
