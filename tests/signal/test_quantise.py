"""Quantisers: levels, their amplitudes and the edges between them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.signal.companding import mulaw_compress, mulaw_expand
from typica.signal.quantise import quantiser

KINDS = [("mulaw", 8), ("mulaw", 3), ("mulaw-rounding", 8), ("linear", 8), ("linear", 16)]
amplitudes = st.floats(-1, 1, width=32)


@pytest.fixture(params=KINDS, ids=str)
def kind(request):
    return quantiser(*request.param)


def test_every_level_survives_decoding(kind):
    codes = torch.arange(kind.levels)
    assert torch.equal(kind.encode(kind.decode(codes)), codes)


def test_levels_rise_with_amplitude(kind):
    audio = torch.linspace(-1.2, 1.2, 10_001)
    codes = kind.encode(audio)

    assert (codes.diff() >= 0).all()
    assert codes[0] == 0
    assert codes[-1] == kind.levels - 1


def test_silence_falls_on_the_middle_level(kind):
    assert kind.encode(torch.zeros(1)).item() == kind.levels // 2


def test_edges_lie_between_the_levels(kind):
    middles, edges = kind.decode(torch.arange(kind.levels)), kind.edges()

    assert (middles[:-1] < edges).all()
    assert (edges < middles[1:]).all()


@given(st.sampled_from(KINDS), amplitudes)
def test_an_amplitude_lies_between_the_edges_of_its_level(kind, amplitude):
    kind = quantiser(*kind)
    audio = torch.tensor([amplitude])
    code = kind.encode(audio).item()
    edges = torch.cat([torch.tensor([-1.0]), kind.edges(), torch.tensor([1.0])])

    # At an edge itself rounding decides; two units in the last place either way.
    assert edges[code] - 3e-7 <= audio.item() <= edges[code + 1] + 3e-7


@given(amplitudes)
def test_companding_is_odd_and_undone_by_expanding(amplitude):
    audio = torch.tensor([amplitude])
    compressed = mulaw_compress(audio)

    assert torch.equal(mulaw_compress(-audio), -compressed)
    assert torch.allclose(mulaw_expand(compressed), audio, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("value", [-0.4, -0.0, 0.0, 1e-4, 1.0])
def test_companding_has_the_slope_of_its_formula_and_expanding_the_inverse_slope(value):
    audio = torch.tensor(value, dtype=torch.float64, requires_grad=True)

    compressed = mulaw_compress(audio)
    (rise,) = torch.autograd.grad(compressed, audio)
    bent = compressed.detach().requires_grad_()
    (back,) = torch.autograd.grad(mulaw_expand(bent), bent)

    # At silence 255 / ln 256 = 45.98: not 0, which the product of sign and abs would have.
    assert float(rise) == pytest.approx(255 / math.log(256) / (1 + 255 * abs(value)))
    assert float(rise * back) == pytest.approx(1)


def test_codes_are_odd_up_to_half_a_bin():
    kind = quantiser("mulaw", 8)
    edges = kind.edges()
    # Between edges, for at an edge itself rounding may send a value and its mirror the same way.
    low, high = edges[127:-1], edges[128:]
    share = torch.rand(len(low), 20) * 0.98 + 0.01
    audio = (low[:, None] + share * (high - low)[:, None]).flatten()

    assert torch.equal(kind.encode(-audio), 255 - kind.encode(audio))


def test_sixteen_bits_keep_a_file_as_it_is():
    samples = torch.arange(-32768, 32768)
    kind = quantiser("linear", 16)
    assert torch.equal(kind.encode(samples / 32768), samples + 32768)


def test_the_step_at_silence_is_the_published_one():
    edges = quantiser("mulaw", 8).edges()
    assert (edges[128] - edges[127]).item() == pytest.approx(1.70e-4, rel=0.03)


@pytest.mark.parametrize("bits", [0, 17])
def test_a_number_of_bits_that_no_quantiser_has_is_refused(bits):
    with pytest.raises(ConfigError, match="1 to 16 bits"):
        quantiser("linear", bits)
