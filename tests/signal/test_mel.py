import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from typica.core.errors import ConfigError
from typica.signal.mel import (
    hertz_to_mel,
    mel_filters,
    mel_spectrogram,
    mel_to_hertz,
    mel_to_magnitude,
)


def at(hertz, formula):
    return float(hertz_to_mel(torch.tensor(hertz, dtype=torch.float64), formula))


def test_slaney_is_linear_to_one_kilohertz_and_27_steps_for_a_factor_of_6_4_above():
    assert at(500.0, "slaney") == pytest.approx(7.5)
    assert at(1000.0, "slaney") == pytest.approx(15)
    assert at(6400.0, "slaney") == pytest.approx(15 + 27)
    assert at(6400.0**2 / 1000, "slaney") == pytest.approx(15 + 54)


def test_htk_follows_its_formula():
    assert at(0.0, "htk") == 0
    assert at(700.0, "htk") == pytest.approx(2595 * math.log10(2))
    assert at(1000.0, "htk") == pytest.approx(1127.01 * math.log(1 + 1 / 0.7), rel=1e-4)


@given(st.floats(0, 24000), st.sampled_from(["slaney", "htk"]))
def test_mel_turns_back_into_hertz(hertz, formula):
    there = hertz_to_mel(torch.tensor(hertz, dtype=torch.float64), formula)

    assert float(mel_to_hertz(there, formula)) == pytest.approx(hertz, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("formula", ["slaney", "htk"])
def test_each_filter_has_unit_area_and_peaks_at_its_centre(formula):
    filters = mel_filters(16000, bands=20, window=8192, formula=formula)

    area = filters.sum(-1) * 16000 / 8192
    ends = [at(0.0, formula), at(8000.0, formula)]
    centres = mel_to_hertz(torch.linspace(*ends, 22, dtype=torch.float64)[1:-1], formula)
    assert torch.allclose(area, torch.ones(20), atol=2e-3)
    assert torch.allclose(filters.argmax(-1) * 16000 / 8192, centres.float(), atol=1.0)


def test_white_noise_has_the_same_power_in_every_band():
    audio = torch.randn(1 << 18, generator=torch.Generator().manual_seed(0))

    power = mel_spectrogram(audio, rate=16000, bands=40, power=2.0).mean(-1)

    # A bin expects the sum of the squared window, 3/8 of its length; a band's area is 1 Hz.
    expected = 1024 * 3 / 8 * (1024 / 16000)
    assert torch.allclose(power / expected, torch.ones(40), atol=0.1)


def test_batches_keep_their_shape():
    audio = torch.zeros(2, 1, 5000)

    assert mel_spectrogram(audio, rate=16000, bands=64).shape == (2, 1, 64, 20)


def test_too_many_bands_are_refused_with_the_mend():
    with pytest.raises(ConfigError, match="take fewer bands or a longer window"):
        mel_filters(16000, bands=200, window=256)


def test_bands_beyond_half_the_rate_are_refused():
    with pytest.raises(ConfigError, match="within 0 to 4000"):
        mel_filters(8000, high=5000.0)


@pytest.mark.parametrize("bands", [0, -1])
def test_no_bands_are_refused(bands):
    with pytest.raises(ConfigError, match=f"at least 1 mel band; got bands={bands}"):
        mel_filters(16000, bands=bands)


def test_another_mel_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="no mel 'hkt': did you mean 'htk'"):
        mel_filters(16000, formula="hkt")


@pytest.mark.parametrize("formula", ["slaney", "htk"])
def test_filters_first_asked_for_in_inference_mode_serve_training_too(formula):
    audio = torch.randn(3000, requires_grad=True)
    sizes = {"rate": 16000, "bands": 33, "window": 512, "formula": formula}

    with torch.inference_mode():
        mel_spectrogram(audio, **sizes)
    (slope,) = torch.autograd.grad(mel_spectrogram(audio, **sizes).sum(), audio)

    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_inverse_has_the_mel_spectrum_that_was_given(power):
    time = torch.arange(8000, dtype=torch.float64) / 16000
    audio = sum(torch.sin(2 * math.pi * 220 * k * time) / k for k in range(1, 9))
    mel = mel_spectrogram(audio, rate=16000, power=power)

    found = mel_to_magnitude(mel, rate=16000, power=power)

    back = mel_filters(16000).double() @ found**power
    assert float(found.min()) >= 0
    assert float((back - mel).norm() / mel.norm()) < 3e-3


def test_the_inverse_is_the_nonnegative_least_squares():
    bank = mel_filters(8000, bands=10, window=64).double()
    bank = bank / bank.amax(-1, keepdim=True)
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(10, 1, generator=generator, dtype=torch.float64)
    target[::2] = 0  # which no magnitudes of at least 0 can give beside the others

    heights = mel_filters(8000, bands=10, window=64).double().amax(-1, keepdim=True)
    found = mel_to_magnitude(target * heights, rate=8000, window=64, iterations=2000)

    _, least = nnls(bank.numpy(), target[:, 0].numpy())
    assert float((bank @ found - target).norm()) == pytest.approx(least, rel=1e-4)
