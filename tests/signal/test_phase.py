import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ShapeError
from typica.signal.phase import (
    accumulated_phase,
    frequency_hertz,
    instantaneous_frequency,
    unwrap,
    with_phase,
    with_phase_of,
    with_random_phase,
    wrap,
)
from typica.signal.spectrum import convergence_db, istft, magnitude, stft


def sine(hertz=440.0, length=16000):
    return torch.sin(2 * math.pi * hertz * torch.arange(length, dtype=torch.float64) / 16000)


def struck():
    """The sheet's signal: four notes, one after another, each of eight partials."""
    time = torch.arange(32000, dtype=torch.float64) / 16000
    audio = torch.zeros(32000, dtype=torch.float64)
    for index, hertz in enumerate((220, 277.18, 329.63, 440)):
        since = (time - 0.5 * index).clamp(min=0)
        envelope = torch.exp(-3 * since) * (since / 0.005).clamp(max=1)
        audio += envelope * sum(torch.sin(2 * math.pi * hertz * h * since) / h for h in range(1, 9))
    return 0.5 * audio / audio.abs().max()


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30))
def test_unwrapping_is_numpys(angles):
    found = unwrap(torch.tensor(angles, dtype=torch.float64))

    assert found.numpy() == pytest.approx(np.unwrap(angles), abs=1e-9)


def test_half_a_turn_keeps_its_sign():
    angles = torch.tensor([0.0, math.pi, 0.0], dtype=torch.float64)

    assert unwrap(angles).tolist() == np.unwrap(angles.numpy()).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wrapped_angles_stay_within_half_a_turn(dtype):
    angles = torch.linspace(-100, 100, 100_001, dtype=dtype)
    edges = math.pi * torch.arange(-9, 10, dtype=dtype)

    for found in (wrap(angles), wrap(edges), wrap(edges - 1e-7)):
        assert float(found.min()) >= -math.pi - 1e-6
        assert float(found.max()) < math.pi


def test_instantaneous_frequency_is_the_difference_of_the_unwrapped_phase():
    phase = stft(struck()).angle()

    found = instantaneous_frequency(phase)

    assert torch.allclose(found[..., 1:] * math.pi, unwrap(phase).diff(dim=-1), atol=1e-9)
    assert float(found.abs().max()) <= 1


def test_audio_comes_back_from_its_instantaneous_frequency():
    audio = struck().float()
    spectrum = stft(audio)

    frequency = instantaneous_frequency(spectrum.angle())
    again = with_phase(spectrum.abs(), accumulated_phase(frequency))

    assert (istft(again, length=32000) - audio).abs().max() < 1e-5


def test_a_long_single_precision_phase_does_not_drift():
    phase = wrap(2.9 * torch.arange(4000, dtype=torch.float64)).float()

    again = accumulated_phase(instantaneous_frequency(phase))

    assert (torch.polar(torch.tensor(1.0), again - phase) - 1).abs().max() < 1e-4


def test_a_sine_turns_its_bin_by_the_published_step():
    # 440 Hz, a hop of 256 at 16 kHz: 0.2513274 rad a frame, less whole turns.
    frequency = instantaneous_frequency(stft(sine()).angle())[28, 5:-5]

    assert frequency.tolist() == pytest.approx([0.08] * len(frequency), abs=1e-6)


@pytest.mark.parametrize("hertz", [100.0, 441.3, 3003.0])
def test_the_frequency_of_a_sine_is_read_off_its_bin(hertz):
    found = frequency_hertz(stft(sine(hertz)).angle(), rate=16000)

    middle = found[round(hertz / 16000 * 1024), 5:-5]
    assert middle.tolist() == pytest.approx([hertz] * len(middle), abs=0.05)


def test_an_inputs_own_phase_gives_it_back_and_half_the_magnitudes_half_of_it():
    audio = struck()
    spectrum = stft(audio)

    again = with_phase_of(spectrum.abs() / 2, spectrum)

    assert torch.allclose(istft(again, length=32000), audio / 2, atol=1e-12)


def test_where_there_is_no_phase_it_is_zero():
    magnitudes = torch.ones(2, 3)

    assert torch.equal(with_phase_of(magnitudes, torch.zeros(2, 3) * 1j).real, magnitudes)


def test_random_phase_keeps_magnitudes_and_real_ends():
    magnitudes = magnitude(struck())

    spectrum = with_random_phase(magnitudes, generator=torch.Generator().manual_seed(0))

    assert torch.allclose(spectrum.abs(), magnitudes)
    assert float(spectrum[[0, -1]].imag.abs().max()) < 1e-6 * float(magnitudes.max())
    assert {-1.0, 1.0} == set(spectrum[0].real.sign().tolist())
    resultant = (spectrum[1:-1] / magnitudes[1:-1]).mean()
    assert abs(resultant) < 0.02


def test_random_phase_leaves_a_quarter_of_the_energy_at_an_overlap_of_three_quarters():
    audio = struck()
    magnitudes = magnitude(audio)
    spectrum = with_random_phase(magnitudes, generator=torch.Generator().manual_seed(0))

    scattered = istft(spectrum, length=32000)

    assert 0.2 < float(scattered.square().sum() / audio.square().sum()) < 0.3
    assert float(convergence_db(scattered, magnitudes, window=1024, hop=256)) == pytest.approx(
        -3.84, abs=0.3
    )


def test_shapes_that_differ_are_refused():
    with pytest.raises(ShapeError, match="one shape"):
        with_phase(torch.ones(3, 2), torch.ones(2, 3))
