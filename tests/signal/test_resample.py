import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.signal.resample import resample, resample_blocks

RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000])


def tone(hertz, rate, seconds=1.0):
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * hertz * time).float()


def test_a_tone_keeps_its_pitch_and_phase():
    middle = slice(1000, -1000)  # the filter rings at both ends

    error = resample(tone(440, 44100), 44100, 16000) - tone(440, 16000)

    assert error[middle].abs().max() < 1e-4


def test_what_the_lower_rate_cannot_hold_is_taken_out():
    assert resample(tone(9000, 44100), 44100, 16000)[1000:-1000].abs().max() < 1e-4


def test_each_channel_of_each_example_is_resampled_by_itself():
    audio = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(0))

    result = resample(audio, 8000, 16000)

    assert result.shape == (2, 3, 1000)
    assert torch.allclose(result[1, 2], resample(audio[1, 2], 8000, 16000), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 0), (0, 500)])
def test_where_there_is_nothing_nothing_comes(shape):
    result = resample(torch.zeros(shape), 8000, 16000)

    assert result.shape == (shape[0], 2 * shape[1])


def test_the_same_rate_changes_nothing():
    audio = torch.randn(1, 1, 50, generator=torch.Generator().manual_seed(0))

    assert torch.equal(resample(audio, 16000, 16000), audio)


@settings(deadline=None)
@given(
    rate=RATES,
    target=RATES,
    cuts=st.lists(st.integers(0, 3000), max_size=8),
    length=st.integers(1, 3000),
)
def test_blocks_give_what_the_whole_gives(rate, target, cuts, length):
    audio = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    edges = sorted({0, *(min(cut, length) for cut in cuts), length})
    blocks = [audio[a:b] for a, b in zip(edges, edges[1:], strict=False)]

    pieces = np.concatenate(list(resample_blocks(blocks, rate, target)))

    whole = resample(torch.from_numpy(audio), rate, target).numpy()
    assert len(pieces) == math.floor(length * target / rate + 0.5)
    assert pieces == pytest.approx(whole, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_blocks_of_several_channels_give_what_the_whole_gives(channels):
    audio = np.random.default_rng(0).standard_normal((9000, channels)).astype(np.float32)

    pieces = resample_blocks(np.split(audio, [10, 5000]), 44100, 16000, channels=channels)

    whole = resample(torch.from_numpy(audio.T.copy()), 44100, 16000).numpy()
    together = np.concatenate(list(pieces)).T
    assert together == pytest.approx(whole, abs=1e-5)
