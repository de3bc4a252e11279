import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.signal.oscillator import (
    exp_sigmoid,
    harmonic_oscillator,
    harmonic_oscillator_blocks,
    harmonic_shares,
    ramped,
    windowed,
)

RATE = 16000


def test_after_ten_minutes_a_sine_is_where_the_formula_says():
    length = 600 * RATE
    frequency = torch.full((length,), 440.0)
    amplitudes = torch.zeros(3, length)
    amplitudes[0], amplitudes[2] = 0.5, 0.25

    tail = harmonic_oscillator(frequency, amplitudes, rate=RATE)[-RATE:]

    n = torch.arange(length - RATE + 1, length + 1, dtype=torch.float64)
    cycle = (440 * n / RATE).remainder(1)
    expected = 0.5 * torch.sin(2 * math.pi * cycle) + 0.25 * torch.sin(6 * math.pi * cycle)
    assert float((tail - expected).abs().max()) < 1e-5


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 5000), max_size=8))
def test_blocks_of_any_sizes_sound_as_the_whole(cuts):
    frequency = 300 + 200 * torch.sin(torch.arange(5000) / 700).double().expand(2, -1)
    amplitudes = torch.rand(2, 20, 5000, generator=torch.Generator().manual_seed(0)).double()
    edges = [0, *sorted(cuts), 5000]
    pieces = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]

    found = harmonic_oscillator_blocks(
        ((frequency[..., one], amplitudes[..., one]) for one in pieces), rate=RATE
    )

    whole = harmonic_oscillator(frequency, amplitudes, rate=RATE)
    assert torch.allclose(torch.cat(list(found), dim=-1), whole, atol=1e-9)


def test_after_ten_minutes_of_blocks_a_sine_is_where_the_formula_says():
    frequency, amplitudes = torch.full((64_000,), 440.1), torch.ones(1, 64_000)

    *_, audio = harmonic_oscillator_blocks(150 * [(frequency, amplitudes)], rate=RATE)

    n = torch.arange(600 * RATE - 64_000 + 1, 600 * RATE + 1, dtype=torch.float64)
    cycle = (frequency.double() * n / RATE).remainder(1)
    assert float((audio - torch.sin(2 * math.pi * cycle)).abs().max()) < 1e-5


def test_the_first_sample_has_gone_one_step():
    audio = harmonic_oscillator(torch.full((4,), 1000.0), torch.ones(1, 4), rate=RATE)

    assert float(audio[0]) == pytest.approx(math.sin(2 * math.pi / 16))


@pytest.mark.parametrize(
    ("hertz", "heard"), [(3000.0, [3000, 6000]), (4000.0, [4000]), (8000.0, [])]
)
def test_no_partial_sounds_at_half_the_rate_or_above(hertz, heard):
    audio = harmonic_oscillator(
        torch.full((RATE,), hertz).double(), torch.ones(20, RATE).double(), rate=RATE
    )

    spectrum = torch.fft.rfft(audio).abs() / (RATE / 2)
    assert (spectrum > 1e-6).nonzero()[:, 0].tolist() == heard


def test_a_glide_through_half_the_rate_falls_silent_there():
    rise = torch.linspace(3000, 5000, RATE).double()

    audio = harmonic_oscillator(
        rise, torch.tensor([[0.0], [1.0]]).double().expand(2, RATE), rate=RATE
    )

    assert float(audio[rise >= 4000].abs().max()) == 0
    assert float(audio[rise < 4000].abs().max()) > 0.9


def test_exactly_half_the_rate_is_silent_at_any_phase():
    frequency = torch.tensor([1000.0] + 9 * [4000.0])

    audio = harmonic_oscillator(frequency, torch.tensor([[0.0], [1.0]]).expand(2, 10), rate=RATE)

    assert float(audio[0]) > 0.5
    assert audio[1:].tolist() == 9 * [0]


def test_a_chirp_turns_at_its_frequency():
    frequency = 200 + 100 * torch.linspace(0, 1, RATE).double()
    sine = harmonic_oscillator(frequency, torch.ones(1, RATE).double(), rate=RATE)

    crossings = ((sine[1:] >= 0) & (sine[:-1] < 0)).sum()

    assert abs(int(crossings) - 250) <= 1


def test_shares_sum_to_one_over_what_is_heard_and_to_nothing_over_nothing():
    frequency = torch.tensor([[100.0, 3000.0, 9000.0]])

    shares = harmonic_shares(torch.ones(1, 5, 3), frequency, rate=RATE)

    assert shares.sum(-2).tolist() == [[1, 1, 0]]
    assert shares[0, :, 1].tolist() == [0.5, 0.5, 0, 0, 0]


@pytest.mark.parametrize("upsample", [ramped, windowed])
def test_controls_between_frames(upsample):
    flat = upsample(torch.full((2, 5), 3.0), hop=8)
    steps = upsample(torch.tensor([0.0, 1.0, 3.0, 3.5]), hop=8)

    assert torch.allclose(flat, torch.full((2, 40), 3.0))
    assert (steps.diff() >= -1e-6).all()
    assert steps[::8].tolist() == [0, 1, 3, 3.5]
    assert float(steps[4]) == pytest.approx(0.5)


def test_exp_sigmoid_has_its_published_values():
    values = exp_sigmoid(torch.tensor([-100.0, 0.0, 100.0]))

    assert values.tolist() == pytest.approx([1e-7, 0.405399, 2], rel=1e-5)


def test_amplitudes_are_found_by_gradient_descent():
    frequency = torch.full((400,), 220.0)
    wanted = torch.tensor([0.5, 0.1, 0.3, 0.05])[:, None]
    target = harmonic_oscillator(frequency, wanted.expand(4, 400), rate=RATE)
    found = torch.zeros(4, 1, requires_grad=True)

    for _ in range(30):
        audio = harmonic_oscillator(frequency, found.expand(4, 400), rate=RATE)
        (slope,) = torch.autograd.grad((audio - target).square().mean(), found)
        found = (found - 0.5 * slope).detach().requires_grad_()

    assert torch.allclose(found, wanted, atol=0.01)


def test_the_pitch_has_the_gradient_of_the_formula():
    frequency = torch.tensor([300.0, 310.0, 320.0], dtype=torch.float64, requires_grad=True)
    amplitudes = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)

    audio = harmonic_oscillator(frequency, amplitudes, rate=RATE)[2]
    slope, _ = torch.autograd.grad(audio, (frequency, amplitudes))

    # The last sample's phase is 2 pi k (f[0] + f[1] + f[2]) / rate: each frequency counts alike.
    phase = 2 * math.pi * 930 / RATE
    partials = [k * float(amplitudes[k - 1, 2].detach()) * math.cos(k * phase) for k in (1, 2)]
    assert slope.tolist() == pytest.approx([sum(partials) * 2 * math.pi / RATE] * 3)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ShapeError, match="belong together"):
        harmonic_oscillator(torch.zeros(1, 10), torch.zeros(1, 3, 11), rate=RATE)
    with pytest.raises(ConfigError, match="hop=0"):
        ramped(torch.zeros(3), hop=0)
