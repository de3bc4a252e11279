"""What every measure of audio says of what is none."""

import pytest
import torch

from typica.core.errors import DataError, ShapeError
from typica.signal import companding, filtering, loudness, pitch, pitch_network, quantise
from typica.signal.constant_q import ConstantQ
from typica.signal.mel import mel_spectrogram
from typica.signal.spectrum import stft
from typica.signal.weighting import a_weighted_db

MEASURES = {
    "level": loudness.level_db,
    "peak": loudness.peak,
    "clipped": loudness.clipped_share,
    "frames": lambda audio: loudness.frame_levels_db(audio, frame=64),
    "silence": lambda audio: loudness.silence_share(audio, frame=64),
    "loudness": lambda audio: loudness.loudness_lufs(audio, rate=16000),
    "A-weighted": lambda audio: a_weighted_db(audio, rate=16000),
    "pitch": lambda audio: pitch.pitch(audio, rate=16000),
    "periodicity": lambda audio: pitch.autocorrelation_peak(audio, rate=16000),
    "tracked": lambda audio: pitch_network.track_pitch(audio, rate=16000),
    "spectrum": stft,
    "mel": lambda audio: mel_spectrogram(audio, rate=16000),
    "constant-Q": ConstantQ(16000, per_octave=12).encode,
    "convolution": lambda audio: filtering.convolve(audio, torch.ones(3)),
    "room": lambda audio: filtering.reverberate(audio, torch.ones(3)),
}
NO_AUDIO = {
    "no samples": torch.zeros(2, 0),
    "no examples": torch.zeros(0, 100),
    "no time": torch.tensor(0.5),
    "whole numbers": torch.ones(100, dtype=torch.int16),
    "16-bit floats": torch.ones(100, dtype=torch.float16),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("audio", NO_AUDIO.values(), ids=NO_AUDIO)
def test_what_is_no_audio_is_refused_at_the_door(measure, audio):
    with pytest.raises(ShapeError, match="at least one sample, float32 or float64; got"):
        measure(audio)


@pytest.mark.parametrize(
    "encode",
    [
        companding.mulaw_encode,
        companding.mulaw_encode_rounding,
        quantise.quantiser("linear", 16).encode,
    ],
    ids=["mulaw", "mulaw-rounding", "linear"],
)
def test_whole_numbers_are_no_amplitudes(encode):
    """Samples of a 16-bit file would all be clipped to full scale, without a word."""
    with pytest.raises(ShapeError, match=r"amplitudes are floats .* got torch.int16"):
        encode(torch.tensor([0, 1000, -2000], dtype=torch.int16))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_pitch_is_tracked_in_what_is_not_finite(value):
    with pytest.raises(DataError, match="not finite"):
        pitch_network.track_pitch(torch.full((3000,), value), rate=16000)
