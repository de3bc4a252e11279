import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.signal.constant_q import ConstantQ


def sine(hertz, length=16000):
    return torch.sin(2 * math.pi * hertz * torch.arange(length, dtype=torch.float64) / 16000)


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@settings(max_examples=12)
@given(
    length=st.integers(1, 9000),
    per_octave=st.sampled_from([1, 5, 12, 24]),
    rate=st.sampled_from([8000, 11025]),
    lowest=st.sampled_from([60.0, 440.0, 1999.0]),
)
def test_the_inverse_gives_all_audio_back(length, per_octave, rate, lowest):
    transform = ConstantQ(rate, per_octave=per_octave, lowest=lowest)
    audio = noise(2, length)

    back = transform.decode(transform.encode(audio), length=length)

    assert (back - audio).abs().max() < 1e-11


def test_single_precision_loses_less_than_16_bits_do():
    audio = (0.1 * noise(16000)).float()
    transform = ConstantQ(16000, per_octave=24)

    error = transform.decode(transform.encode(audio), length=16000) - audio

    assert 20 * math.log10(float(audio.norm() / error.norm())) > 100


@pytest.mark.parametrize("per_octave", [12, 24, 36])
def test_a_sine_stands_in_its_bin_with_its_amplitude_and_an_octave_is_a_shift(per_octave):
    transform = ConstantQ(16000, per_octave=per_octave)

    low, high = (
        transform.encode(0.5 * sine(hertz, 32000)).abs().median(-1).values for hertz in (440, 880)
    )

    place = int(low.argmax())
    assert float(transform.frequencies[place - 1]) == pytest.approx(440)
    assert float(low[place]) == pytest.approx(0.5, rel=1e-3)
    assert int(high.argmax()) == place + per_octave


def test_the_coefficients_of_a_sine_are_its_analytic_signal():
    transform = ConstantQ(16000, per_octave=12, lowest=110.0)

    found = transform.encode(0.5 * sine(440, 32000))[1 + 24]

    seconds = torch.arange(len(found)).double() * transform.hop / 16000
    expected = 0.5 * torch.exp(1j * (2 * math.pi * 440 * seconds - math.pi / 2))
    middle = slice(len(found) // 4, len(found) // 2)
    assert (found - expected)[middle].abs().max() < 1e-3


def test_a_click_stands_at_its_frame():
    audio = torch.zeros(16000, dtype=torch.float64)
    audio[8000] = 1
    transform = ConstantQ(16000, per_octave=12)

    upper = transform.encode(audio).abs()[60:]

    assert (upper.argmax(-1) * transform.hop - 8000).abs().max() <= transform.hop


def test_the_energy_of_coefficients_is_bounded_by_that_of_the_audio():
    transform = ConstantQ(16000, per_octave=12)
    audio = noise(16000)

    energy = float(transform.encode(audio).abs().square().sum() * transform.hop / 2)

    # Squared Hann windows, half overlapping, sum to between 1/2 and 1 at each frequency.
    assert 0.5 < energy / float(audio.square().sum()) < 1


def test_gradients_go_through_both_ways():
    transform = ConstantQ(8000, per_octave=3, lowest=500.0)
    audio = noise(200).requires_grad_()

    (back,) = torch.autograd.grad(
        transform.decode(transform.encode(audio), length=200).square().sum(), audio
    )
    assert torch.allclose(back, 2 * audio.detach(), atol=1e-10)


def test_windows_first_asked_for_in_inference_mode_serve_training_too():
    transform = ConstantQ(8000, per_octave=4, lowest=300.0)
    audio = noise(500).requires_grad_()

    with torch.inference_mode():
        transform.encode(audio)
    (slope,) = torch.autograd.grad(transform.encode(audio).abs().sum(), audio)

    assert bool(slope.isfinite().all())


def test_a_hop_that_would_lose_something_is_refused():
    with pytest.raises(ConfigError, match="every 16 samples or oftener; got hop=64"):
        ConstantQ(16000, per_octave=12, hop=64)


def test_bins_beyond_the_rate_are_refused():
    with pytest.raises(ConfigError, match="lowest=5000"):
        ConstantQ(16000, lowest=5000)


def test_coefficients_of_another_length_are_refused():
    transform = ConstantQ(8000, per_octave=3, lowest=500.0)

    with pytest.raises(ShapeError, match="300 samples have"):
        transform.decode(transform.encode(noise(2000)), length=300)
