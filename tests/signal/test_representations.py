"""What every representation of sound must keep, over all that can be had by name."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.signal.quantisation_noise import signal_to_noise_db
from typica.signal.representation import BlockDecoder, BlockEncoder, Representation
from typica.signal.representations import REPRESENTATIONS, representation
from typica.signal.spectrum import convergence_db, magnitude

SETTINGS = {
    "pcm": {"bits": 16},
    "mulaw": {"bits": 8},
    "mulaw-rounding": {"bits": 8},
    "stft": {"window": 512, "hop": 120},
    "magnitude-phase": {"window": 512, "hop": 128},
    "instantaneous-frequency": {"window": 512, "hop": 128},
    "magnitude": {"window": 512, "hop": 128, "iterations": 8},
    "log-mel": {"rate": 16000, "bands": 40, "window": 512, "hop": 128},
    "constant-q": {"rate": 16000, "per_octave": 12, "lowest": 65.4},
}
# What decoding must keep at least of the piano, in decibels, where it is not exact: a step less
# than theory has it, for PCM of 16 bits at the piano's level, and mu-law of 8 bits at any.
KEPT_DB = {"pcm": 70, "mulaw": 30, "mulaw-rounding": 30}
ALL = [representation(kind, **SETTINGS[kind]) for kind in REPRESENTATIONS]
EXACT = [one for one in ALL if one.exact]
BLOCKS_IN = [one for one in ALL if isinstance(one, BlockEncoder)]
BLOCKS_OUT = [one for one in ALL if isinstance(one, BlockDecoder)]


def noise(*shape, dtype=torch.float64):
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return (0.2 * drawn).clamp(-0.99, 0.99)


def names(kinds):
    return [one.kind for one in kinds]


def over(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=names(kinds))


def cut(tensor, cuts):
    """Cut along the last dimension at places, some of them perhaps the same."""
    edges = [0, *sorted(min(place, tensor.shape[-1]) for place in cuts), tensor.shape[-1]]
    return [tensor[..., a:b] for a, b in zip(edges, edges[1:], strict=False)]


def leaves(base):
    for one in base.__subclasses__():
        yield from leaves(one) if one.__subclasses__() else [one]


def test_every_representation_can_be_had_by_name():
    assert set(leaves(Representation)) == set(REPRESENTATIONS.values())
    assert all(REPRESENTATIONS[one.kind] is type(one) for one in ALL)


@over(ALL)
def test_settings_build_its_equal(kind, piano):
    again = representation(kind.kind, **kind.settings)

    assert SETTINGS[kind.kind].items() <= kind.settings.items()
    assert again.settings == kind.settings
    assert torch.equal(again.encode(piano[:3000]), kind.encode(piano[:3000]))


@over(ALL)
@pytest.mark.parametrize("length", [1, 2, 119, 128, 511, 1000, 4001])
def test_the_shape_is_told_beforehand_and_decoding_gives_the_length_back(kind, length):
    code = kind.encode(noise(2, 1, length))

    assert code.shape == (2, 1, *kind.shape(length))
    assert kind.decode(code, length=length).shape == (2, 1, length)


@over(EXACT)
def test_an_exact_one_gives_music_back(kind, piano):
    back = kind.decode(kind.encode(piano), length=len(piano))

    assert back.dtype == piano.dtype
    assert (back - piano).abs().max() < 2e-6
    assert kind.lost == ""


@over([one for one in ALL if one.kind in KEPT_DB])
def test_one_that_is_not_exact_loses_no_more_than_it_says(kind, piano):
    back = kind.decode(kind.encode(piano), length=len(piano))

    assert "levels" in kind.lost
    assert KEPT_DB[kind.kind] < float(signal_to_noise_db(piano, back)) < KEPT_DB[kind.kind] + 12


@pytest.mark.parametrize(("name", "within_db"), [("magnitude", -20), ("log-mel", -8.5)])
def test_without_phase_magnitudes_are_found_again_and_the_audio_is_not(name, within_db, piano):
    kind = representation(name, **({"rate": 16000} if name == "log-mel" else {}))
    sizes = {"window": kind.window, "hop": kind.hop}

    back = kind.decode(kind.encode(piano), length=len(piano))

    assert "phase" in kind.lost
    assert float(signal_to_noise_db(piano, back)) < 3
    assert float(convergence_db(back, magnitude(piano, **sizes), **sizes)) < within_db


@over(ALL)
def test_a_batch_is_coded_and_decoded_as_each_alone(kind):
    audio = noise(3, 2, 2000)

    code = kind.encode(audio)
    back = kind.decode(code, length=2000)

    for index in ((0, 0), (2, 1)):
        assert torch.allclose(code[index], kind.encode(audio[index]), atol=1e-9)
        alone = kind.decode(code[index].clone(), length=2000)
        assert torch.allclose(back[index], alone, atol=1e-7)


@over(ALL)
def test_strides_do_not_matter(kind):
    audio = noise(2000, 3)

    code = kind.encode(audio.T)

    assert torch.equal(code, kind.encode(audio.T.contiguous()))


@over([one for one in ALL if one.differentiable])
def test_the_gradient_of_a_code_is_its_slope(kind):
    audio = noise(600).requires_grad_()
    direction = torch.roll(noise(600), 7)

    def score(given):
        code = kind.encode(given)
        code = torch.view_as_real(code) if code.is_complex() else code
        weights = torch.cos(torch.arange(code.numel(), dtype=torch.float64)).reshape(code.shape)
        # Of magnitudes alone: a phase jumps by a turn, and turns fast where there is little.
        part = slice(0, 1) if kind.kind in ("magnitude-phase", "instantaneous-frequency") else ...
        return (code * weights)[part].sum()

    (slope,) = torch.autograd.grad(score(audio), audio)

    step = 1e-6
    with torch.no_grad():
        rise = (score(audio + step * direction) - score(audio - step * direction)) / (2 * step)
    assert float((slope * direction).sum()) == pytest.approx(float(rise), rel=1e-4)


@over([one for one in ALL if one.differentiable])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradients_are_finite_where_there_is_silence(kind, dtype):
    audio = torch.cat([torch.zeros(1500), noise(1500, dtype=torch.float32), torch.zeros(1)])
    audio = audio.to(dtype).requires_grad_()

    code = kind.encode(audio)
    parts = torch.view_as_real(code) if code.is_complex() else code
    (slope,) = torch.autograd.grad(parts.sum(), audio)

    assert bool(slope.isfinite().all())
    assert float(slope[1600:2900].abs().max()) > 0


@over([one for one in EXACT if one.differentiable])
def test_gradients_go_through_both_ways(kind):
    audio = noise(700).requires_grad_()

    back = kind.decode(kind.encode(audio), length=700)
    (slope,) = torch.autograd.grad(back.square().sum(), audio)

    assert torch.allclose(slope, 2 * audio.detach(), atol=1e-6)


@over([one for one in ALL if not one.differentiable])
def test_levels_pass_no_gradient(kind):
    assert not kind.encode(noise(100).requires_grad_()).requires_grad


@settings(max_examples=12, deadline=None)
@given(length=st.integers(1, 3000), cuts=st.lists(st.integers(0, 3000), max_size=9))
@example(length=1920, cuts=[5])  # a multiple of every hop: a frame is centred on the very end
@over(BLOCKS_IN)
def test_blocks_of_any_sizes_are_coded_as_the_whole(kind, length, cuts):
    audio = noise(2, length)
    pieces = cut(audio, cuts)

    found = list(kind.encode_blocks(iter(pieces)))

    assert len(found) in (len(pieces), len(pieces) + 1)
    assert torch.allclose(torch.cat(found, dim=-1), kind.encode(audio), atol=1e-9)


@settings(max_examples=12, deadline=None)
@given(length=st.integers(1, 3000), cuts=st.lists(st.integers(0, 30), max_size=9))
@example(length=1920, cuts=[5])
@over(BLOCKS_OUT)
def test_pieces_of_a_code_are_decoded_as_the_whole(kind, length, cuts):
    code = kind.encode(noise(2, length))

    found = torch.cat(list(kind.decode_blocks(iter(cut(code, cuts)), length=length)), dim=-1)

    assert torch.allclose(found, kind.decode(code, length=length), atol=1e-9)


@over(BLOCKS_IN)
def test_blocks_come_out_as_soon_as_they_can(kind):
    """Half a window after its middle a frame is there: memory need hold no more than a window."""
    audio = noise(4096)

    found = list(kind.encode_blocks(iter(audio.split(128))))

    frames = sum(one.shape[-1] for one in found[:-1])
    assert frames >= kind.shape(4096 - 256)[-1]


@over(BLOCKS_OUT)
def test_without_a_length_blocks_give_the_least_that_has_such_a_code(kind):
    code = kind.encode(noise(2000))

    audio = torch.cat(list(kind.decode_blocks(iter(code.split(3, -1)))), dim=-1)

    assert kind.shape(len(audio)) == kind.shape(2000)
    assert kind.shape(len(audio) - 1) != kind.shape(2000)


@over(ALL)
def test_a_code_of_another_length_is_refused(kind):
    code = kind.encode(noise(3000))

    with pytest.raises(ShapeError, match="20000"):
        kind.decode(code, length=20000)


@over(BLOCKS_OUT)
def test_pieces_of_another_length_are_refused(kind):
    code = kind.encode(noise(3000))

    with pytest.raises(ShapeError, match="5000"):
        list(kind.decode_blocks(iter(code.split(7, -1)), length=5000))


@over([one for one in BLOCKS_IN if one.differentiable])
def test_no_samples_at_all_are_refused(kind):
    with pytest.raises(ShapeError, match="at least one sample"):
        kind.encode(torch.zeros(2, 0))
    with pytest.raises(ShapeError, match="at least one sample"):
        list(kind.encode_blocks(iter([torch.zeros(0), torch.zeros(0)])))


def test_unknown_names_and_settings_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="'constantq': did you mean 'constant-q'"):
        representation("constantq", rate=16000)
    with pytest.raises(ConfigError, match="no setting 'band': did you mean 'bands'"):
        representation("log-mel", rate=16000, band=80)
    with pytest.raises(ConfigError, match="log-mel needs a setting 'rate'"):
        representation("log-mel")
    with pytest.raises(ConfigError, match="shift=0"):
        representation("magnitude-phase", shift=0)
    with pytest.raises(ConfigError, match="got -1"):
        representation("log-mel", rate=16000, iterations=-1)
    with pytest.raises(ConfigError, match="1 to 16 bits"):
        representation("pcm", bits=0)


def test_what_is_softer_than_the_smallest_is_the_smallest():
    kind = representation("log-mel", rate=16000, bands=20, smallest=0.1)

    found = kind.encode(torch.zeros(500))

    assert found.unique().tolist() == pytest.approx([math.log(0.1)])


def test_polar_codes_need_both_channels():
    kind = representation("magnitude-phase")

    with pytest.raises(ShapeError, match=r"\(..., 2, bins, frames\)"):
        kind.decode(kind.encode(noise(3000))[0], length=3000)
