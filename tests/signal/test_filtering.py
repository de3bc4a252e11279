import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.signal.filtering import (
    convolve,
    decaying_response,
    filter_frames,
    filtered_noise,
    reverberate,
    reverberate_blocks,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("time", "taps"), [(1, 1), (100, 7), (50, 200)])
def test_convolution_is_the_direct_one(time, taps):
    audio, response = noise(time), noise(taps, seed=1)

    found = convolve(audio, response)

    assert found.numpy() == pytest.approx(np.convolve(audio, response), abs=1e-10)


def test_a_rooms_first_tap_is_the_dry_sound_and_another_a_late_copy():
    audio, response = noise(2, 100), torch.zeros(300, dtype=torch.float64)
    response[0], response[30] = 5, 0.5

    wet = reverberate(audio, response)

    assert torch.allclose(wet[:, :30], audio[:, :30])
    assert torch.allclose(wet[:, 30:], audio[:, 30:] + 0.5 * audio[:, :-30])


@settings(max_examples=20, deadline=None)
@given(
    taps=st.sampled_from([1, 2, 7, 300]),
    cuts=st.lists(st.integers(0, 1000), max_size=8),
)
def test_blocks_of_any_sizes_ring_on_as_the_whole(taps, cuts):
    audio, response = noise(2, 1000), noise(taps, seed=1)
    edges = [0, *sorted(cuts), 1000]
    blocks = [audio[:, a:b] for a, b in zip(edges, edges[1:], strict=False)]

    found = torch.cat(list(reverberate_blocks(iter(blocks), response)), dim=-1)

    echoes = torch.cat([torch.zeros(1).double(), response[1:]])
    direct = [one + np.convolve(one, echoes)[:1000] for one in audio.numpy()]
    assert found.numpy() == pytest.approx(np.stack(direct), abs=1e-9)


def test_a_room_falls_by_60_db_in_its_time():
    room = decaying_response(
        16000, rate=16000, decay_s=0.5, gain=2, generator=torch.Generator().manual_seed(0)
    )

    early, late = (room[begin : begin + 1000].square().sum().log10() for begin in (0, 8000))

    assert float(10 * (early - late)) == pytest.approx(60, abs=1)
    assert float(room.norm()) == pytest.approx(2, rel=0.1)


def test_magnitudes_of_one_change_nothing_and_delay_nothing():
    audio = noise(3, 640)

    assert torch.allclose(filter_frames(audio, torch.ones(3, 65, 10).double(), hop=64), audio)


def test_half_the_bands_take_half_the_spectrum_out():
    magnitudes = torch.ones(65, 200)
    magnitudes[33:] = 0

    sound = filtered_noise(magnitudes, hop=64, generator=torch.Generator().manual_seed(0))

    power = torch.fft.rfft(sound.double()).abs().square()
    lower, upper = power[: 32 * 100 - 400].mean(), power[33 * 100 + 400 :].mean()
    assert float(10 * (lower / upper).log10()) > 20


def test_the_filter_changes_at_its_frame():
    magnitudes = torch.zeros(9, 4).double()
    magnitudes[:, 2] = 1

    sound = filter_frames(torch.ones(400).double(), magnitudes, hop=100)

    assert torch.equal(sound.abs() > 1e-9, torch.arange(400) // 100 == 2)


def test_a_click_comes_out_symmetric_about_where_it_was():
    click = torch.zeros(100, dtype=torch.float64)
    click[50] = 1
    magnitudes = torch.linspace(1, 0, 17).double()[:, None]

    sound = filter_frames(click, magnitudes, hop=100)

    assert torch.allclose(sound[51:67], sound[34:50].flip(0))
    assert int(sound.abs().argmax()) == 50


def test_noise_is_drawn_from_its_generator():
    draws = [
        filtered_noise(torch.ones(2, 9, 4), hop=8, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]

    assert draws[0].shape == (2, 32)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert float(draws[0].var()) == pytest.approx(1 / 3, abs=0.15)


def test_gradients_reach_the_magnitudes():
    magnitudes = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    audio = noise(12)

    (slope,) = torch.autograd.grad(filter_frames(audio, magnitudes, hop=6).sum(), magnitudes)

    # Filtering is linear in the magnitudes.
    step = torch.rand(5, 2, dtype=torch.float64)
    change = filter_frames(audio, step, hop=6).sum()
    assert float((slope * step).sum()) == pytest.approx(float(change))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="frames \\* hop = 40"):
        filter_frames(torch.zeros(41), torch.ones(5, 4), hop=10)
    with pytest.raises(ConfigError, match="more than 0 s"):
        decaying_response(10, rate=8000, decay_s=0)


def test_a_long_response_is_not_wrapped_around():
    audio = torch.zeros(10)
    audio[9] = 1

    assert float(convolve(audio, torch.ones(50))[:9].abs().max()) < 1e-6
    assert math.isclose(float(convolve(audio, torch.ones(50)).sum()), 50, rel_tol=1e-5)
