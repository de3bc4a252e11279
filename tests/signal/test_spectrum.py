import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.signal.spectrum import convergence_db, decibels, flatness, istft, magnitude, stft


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=30)
@given(
    length=st.integers(1, 3000),
    half=st.sampled_from([16, 100, 256]),
    hop=st.sampled_from([0.1, 0.5, 0.8, 1.0]),
)
def test_the_inverse_gives_the_audio_back(length, half, hop):
    audio = noise(2, 1, length)
    sizes = {"window": 2 * half, "hop": math.ceil(half * hop)}

    back = istft(stft(audio, **sizes), length=length, **sizes)

    assert back.shape == audio.shape
    assert (back - audio).abs().max() < 1e-12


def test_a_frame_is_the_discrete_fourier_transform_of_its_samples():
    audio = noise(64)

    spectrum = stft(audio, window=16, hop=8)

    n = torch.arange(16, dtype=torch.float64)
    hann = 0.5 - 0.5 * torch.cos(2 * torch.pi * n / 16)
    segment = audio[32 - 8 : 32 + 8] * hann  # frame 4 is centred on sample 32
    turns = torch.exp(-2j * torch.pi * torch.arange(9)[:, None] * n / 16)
    assert spectrum.shape == (9, 9)
    assert torch.allclose(spectrum[:, 4], turns @ segment.to(turns.dtype))


def test_a_sine_stands_in_its_bin_with_half_the_sum_of_the_window():
    audio = torch.cos(2 * torch.pi * 32 / 1024 * torch.arange(8192, dtype=torch.float64))

    spectrum = magnitude(audio)

    assert int(spectrum[:, 10].argmax()) == 32
    assert float(spectrum[32, 10]) == pytest.approx(1024 / 4, rel=1e-6)


def test_decibels_stop_at_the_floor():
    values = decibels(torch.tensor([1.0, 0.1, 0.0]), floor_db=-80)

    assert torch.allclose(values, torch.tensor([0.0, -20.0, -80.0]), atol=1e-4)


def test_flatness_knows_white_noise_tones_and_clicks():
    tone = torch.sin(0.3 * torch.arange(65536, dtype=torch.float64))
    click = torch.zeros(1, 4096, dtype=torch.float64)
    click[0, 2048] = 1

    flat = flatness(noise(65536))

    assert float(flat.mean()) == pytest.approx(math.exp(-0.5772157), abs=0.01)
    assert float(flatness(tone)[2:-2].max()) < 1e-4
    assert float(flatness(click)[0, 8]) == pytest.approx(1, abs=1e-6)


def test_a_hop_of_more_than_half_a_window_is_refused():
    with pytest.raises(ConfigError, match="hop of at most half"):
        stft(torch.zeros(100), window=16, hop=9)


def test_in_single_precision_the_inverse_is_exact_to_a_millionth():
    audio = 0.3 * noise(16000).float()

    back = istft(stft(audio), length=16000)

    assert (back - audio).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("hop", "length", "within"),
    [(400, 5999, 3e-6), (512, 5120, 1e-6), (512, 5119, 1e-2)],
    ids=["less than half", "half, to a multiple of it", "half, to a sample before"],
)
def test_the_last_samples_are_as_exact_as_the_windows_that_see_them(hop, length, within):
    audio = 0.3 * noise(length).float()

    error = (istft(stft(audio, hop=hop), length=length, hop=hop) - audio).abs()

    assert float(error.max()) < within
    assert float(error[:4864].max()) < 1e-6  # what half a window sees well


def test_a_spectrum_made_consistent_once_is_so_for_good():
    spectrum = torch.complex(noise(513, 20), noise(513, 20, seed=1))

    once = stft(istft(spectrum, length=5000))

    assert (once - spectrum).abs().max() > 0.1
    assert torch.allclose(stft(istft(once, length=5000)), once, atol=1e-10)


def test_convergence_is_the_relative_error_of_magnitudes_in_decibels():
    audio = noise(2, 5000)
    magnitudes = magnitude(audio)

    found = convergence_db(0.9 * audio, magnitudes, window=1024, hop=256)

    assert found.tolist() == pytest.approx([-20, -20])


def test_frames_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="513, 20"):
        istft(stft(noise(5000)), length=5200)


def test_samples_that_are_no_floats_are_refused():
    with pytest.raises(ShapeError, match="float32 or float64"):
        stft(torch.zeros(100, dtype=torch.int16))
