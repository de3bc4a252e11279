"""Jukebox: codes of several rates, apart from one another, and transformers that go down them."""

import math

import pytest
import torch

from typica.core import registry
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.systems.cascades.jukebox import spectral_convergence_db, spectral_distance
from typica.training.fit import fit

WINDOWS = (64, 32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny")
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape)
    return model.eval()


def sound(batch, length, seed=0):
    return (torch.randn(batch, 1, length, generator=seeded(seed)).cumsum(-1) / 10).sin()


@pytest.mark.parametrize("length", [16, 64, 65, 79])
def test_each_rate_has_its_codes_and_gives_back_the_length(model, length):
    x = sound(2, length)
    assert [codes.shape[1] for codes in model.encode(x)] == [
        math.ceil(length / 4),
        math.ceil(length / 16),
    ]
    for rate in (0, 1):
        assert model.reconstruct(x, rate).shape == x.shape


def test_an_autoencoder_gives_the_others_no_gradient(model):
    model.train()
    for number in (0, 1):
        loss = sum(model.coding_loss(number, {"audio": sound(2, 128)}).values())
        named = dict(model.named_parameters())
        gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        touched = {name for name, value in zip(named, gradients, strict=True) if value is not None}
        assert touched
        assert all(name.startswith(f"autoencoders.{number}.") for name in touched)


def test_codes_stand_still_while_transformers_learn(model):
    model.train()
    before = {name: value.clone() for name, value in model.autoencoders.state_dict().items()}
    for phase in model.phases()[2:]:
        phase.loss({"audio": sound(2, 128)})["nll"].backward()
    after = model.autoencoders.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(p.grad is None for p in model.autoencoders.parameters())


def test_the_spectral_loss_hears_magnitudes_alone():
    x = sound(3, 256)
    assert float(spectral_distance(x, x, WINDOWS)) < 1e-3
    assert float(spectral_distance(x, -x, WINDOWS)) < 1e-3
    assert float(spectral_distance(x, 0.5 * x, WINDOWS)) == pytest.approx(0.5, abs=0.02)
    assert float(spectral_distance(x, x.roll(37, -1), WINDOWS)) > 0.1


def test_the_spectral_loss_has_a_slope_at_silence():
    silence = torch.zeros(1, 1, 128, requires_grad=True)
    for target in (sound(1, 128), torch.zeros(1, 1, 128)):
        (slope,) = torch.autograd.grad(spectral_distance(target, silence, WINDOWS), silence)
        assert torch.isfinite(slope).all()


def test_spectral_convergence_is_in_decibels():
    x = sound(2, 8000)
    assert spectral_convergence_db(x, torch.zeros_like(x)) == pytest.approx(0, abs=0.05)
    assert spectral_convergence_db(x, x / 2) == pytest.approx(20 * math.log10(0.5), abs=0.01)


def test_an_upsampler_hears_the_code_above_it_and_no_future_of_its_own(model):
    tokens = model.tokens
    lower = torch.randint(16, (1, 1, 24), generator=seeded(0))
    above = torch.randint(16, (1, 6), generator=seeded(1))
    upsampler = tokens.levels[1]
    before = upsampler.conditionals(lower, tokens.tell(1, above)).logits

    other = above.clone()
    other[0, 3] = (other[0, 3] + 1) % 16
    after = upsampler.conditionals(lower, tokens.tell(1, other)).logits
    changed = (after != before).any(-1)[0]
    assert changed[12:16].all()
    reach = tokens.telling[0].before
    assert not changed[: 4 * (3 - reach)].any()

    moved = lower.clone()
    moved[..., 10] = (moved[..., 10] + 1) % 16
    after = upsampler.conditionals(moved, tokens.tell(1, above)).logits
    assert torch.equal(after[:, :11], before[:, :11])
    assert not torch.equal(after[:, 11], before[:, 11])


@pytest.mark.parametrize("upsampling", ["repeat", "linear", "learnt"])
def test_frames_depend_on_no_codes_beyond_those_that_are_drawn_ahead(upsampling):
    small = {"positions": 32, "stride": 4, "layers": 1, "width": 8, "heads": 2}
    own = {"system": "sparse_transformer", "upsampling": upsampling} | small
    tokens = registry.build("jukebox", "tiny", upsamplers=[own], told_layers=0).tokens
    (told,), codes = tokens.telling, torch.tensor([[1, 2, 3, 4, 5, 6]])
    other = codes.clone()
    other[0, 3] = 9

    one, two = (
        tokens.upsamplers[0].upsampling(tokens.tell(1, each)["codes"].values, 0, 6 * told.hop)
        for each in (codes, other)
    )

    changed = (one != two).any(-1)[:, 0].nonzero()[:, 0]
    assert changed.min() >= (3 - told.after) * told.hop
    assert changed.max() < (4 + told.before) * told.hop


@pytest.mark.parametrize("rate", [0, 1])
def test_a_decoder_reaches_no_farther_than_it_says(model, rate):
    coder = model.coders[rate]
    frames, at = 4 * coder.reach, 2 * coder.reach
    codes = torch.randint(16, (1, frames), generator=seeded(0))
    other = codes.clone()
    other[0, at] = (other[0, at] + 1) % 16

    changed = (coder.decode(codes) != coder.decode(other))[0, 0].nonzero()[:, 0]

    assert changed.min() >= (at - coder.reach) * coder.hop
    assert changed.max() < (at + 1 + coder.reach) * coder.hop
    assert changed.max() - changed.min() > (2 * coder.reach - 6) * coder.hop


@pytest.mark.parametrize("rate", [0, 1])
def test_a_code_hears_the_margin_and_nothing_beyond(model, rate):
    coder = model.coders[rate]
    at = -(-coder.margin // coder.hop)
    x = torch.randn(1, 1, (2 * at + 1) * coder.hop, generator=seeded(0), requires_grad=True)

    coder.encoder(x)[:, :, at].sum().backward()

    heard = x.grad[0, 0].nonzero()[:, 0]
    assert heard.min() == at * coder.hop - coder.margin
    assert heard.max() == (at + 1) * coder.hop - 1 + coder.margin


def test_a_stream_is_the_sample_with_the_same_seed(model):
    drawn = model.sample(2, 200, generator=seeded(3))
    stream = model.stream(2, generator=seeded(3))
    heard = torch.cat([next(stream) for _ in range(200 // 16 + 1)], -1)[..., :200]
    torch.testing.assert_close(heard, drawn, atol=1e-5, rtol=1e-5)


def test_untrained_transformers_know_nothing():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny")
    for level in (0, 1):
        loss = model.tokens.loss(level, {"audio": sound(2, 256)})["nll"]
        assert float(loss.detach()) == pytest.approx(math.log(16), abs=1e-5)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="halvings must rise"):
        registry.build("jukebox", "tiny", halvings=[4, 2])
    with pytest.raises(ConfigError, match="one system for each of 2 rates"):
        registry.build("jukebox", "tiny", halvings=[2, 4, 6])
    with pytest.raises(ConfigError, match=r"model.prior.bits follows"):
        registry.build("jukebox", "tiny", prior={"system": "sparse_transformer", "bits": 3})


def blind(tokens, codes):
    told = tokens.tell(1, codes)["codes"]
    return {"codes": told._replace(values=told.values * 0)}


def test_three_rates_are_told_by_their_ratios():
    halvings, upsampler = [1, 2, 5], registry.preset("jukebox", "tiny")["model"]["upsamplers"][0]
    model = registry.build("jukebox", "tiny", halvings=halvings, upsamplers=[upsampler] * 2)
    assert [told.hop for told in model.tokens.telling] == [8, 2]
    symbols = model.tokens.read(sound(1, 64))
    assert [one.shape[1] for one in symbols] == [2, 16, 32]
    assert model.sample(1, 64, generator=seeded(0)).shape == (1, 1, 64)


def test_true_codes_above_are_worth_more_than_others():
    """Two tones take turns: which one sounds is known from above."""
    time = torch.arange(512)
    tones = torch.stack([(0.3 * time).sin(), (1.1 * time).sin()])
    x = tones[torch.randint(2, (32, 4), generator=seeded(0))][..., :64].flatten(1)[:, None] * 0.7
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny")
    fitted = fit(model, {"audio": x}, steps=160, batch=8, learning_rate=1e-2)

    tokens = fitted.tokens
    above, own = fitted.encode(x)[1], fitted.encode(x)[0]

    def nats(told):
        return float(-tokens.levels[1].log_prob(own[:, None], told).mean() / own.shape[1])

    true = nats(tokens.tell(1, above))
    shuffled = above[torch.randperm(32, generator=seeded(1))]
    assert true < nats(tokens.tell(1, shuffled)) - 0.5
    assert true < nats(blind(tokens, above)) - 0.5
