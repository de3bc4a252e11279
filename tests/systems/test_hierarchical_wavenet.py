"""Hierarchical WaveNets: levels that are trained apart, scored together and drawn from the top."""

import itertools
import math

import pytest
import torch

from typica.core import registry
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.engines.compiler import compile as compile_engine
from typica.training.fit import fit
from typica.training.learner import Learner
from typica.training.processes import Processes
from typica.training.settings import PhaseConfig, TrainingConfig

WAVENET = {"system": "wavenet", "stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 8}
SMALL = {"system": "vqvae", "channels": 4, "width": 4, "modulator_channels": 4, "normalise": True}


def hierarchy(*strides, codes=8, bits=8, **overrides):
    """Return an untrained hierarchy whose weights say something."""
    torch.manual_seed(0)
    tables = [
        SMALL
        | {"strides": one, "codes": codes, "decoder": dict(WAVENET)}
        | ({"input": "onehot"} if number else {"bits": bits})
        for number, one in enumerate(strides)
    ]
    settings = {"autoencoders": tables, "prior": dict(WAVENET), "block": 4} | overrides
    model = registry.from_settings("hierarchical_wavenet", settings)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model.eval()


def sound(batch, length, seed=0):
    steps = torch.randn(batch, 1, length, generator=seeded(seed)).cumsum(-1)
    return (steps / 10).sin()


def above(length, hop):
    """Return how many codes stand over so many symbols."""
    return math.ceil(length / hop)


@pytest.mark.parametrize("length", [1, 3, 7, 8, 15, 16, 17])
def test_any_length_has_a_bound_and_codes_at_each_level(length):
    model = hierarchy([2], [2, 2])
    x = sound(2, length)

    assert [symbols.shape for symbols in model.read(x)] == [
        (2, above(above(length, 2), 4)),
        (2, above(length, 2)),
        (2, length),
    ]
    assert torch.isfinite(model.log_prob(x)).all()


@pytest.mark.parametrize("length", [1, 3, 7, 8, 9, 16, 17])
def test_what_is_coded_twice_and_decoded_twice_is_as_long(length):
    model = hierarchy([3], [2, 2])
    low, high = model.coders
    x = sound(2, length)
    codes = low.encode(x)
    highest = high.encode(codes[:, None])

    again = high.decode(highest, length=codes.shape[1], generator=seeded(0))
    back = low.decode(again[:, 0], length=length, generator=seeded(0))

    assert again.shape == (2, 1, above(length, 3))
    assert back.shape == x.shape
    assert high.decode(highest).shape[-1] == 4 * highest.shape[1] >= codes.shape[1]


def test_the_bound_is_the_sum_of_what_its_levels_say():
    model, x = hierarchy([2], [2]), sound(2, 32)
    low, high = model.coders
    codes = low.encode(x)
    highest = high.encode(codes[:, None])

    expected = (
        low.decoder.log_prob(x, low.tell(codes))
        + high.decoder.log_prob(codes[:, None], high.tell(highest))
        + model.prior.log_prob(highest[:, None])
    )

    torch.testing.assert_close(model.log_prob(x), expected)
    torch.testing.assert_close(torch.stack(model.parts(x)).sum(0), expected)


@pytest.mark.parametrize("length", [32, 29, 5])
@pytest.mark.parametrize("padded", [False, True])
def test_the_loss_is_the_bound_in_nats_a_sample(length, padded):
    model, x = hierarchy([2], [2]), sound(3, length)
    told = {"length": torch.full((3,), length)} if padded else {}
    loss = model.likelihood_loss({"audio": x, "context": 0} | told)["nll"]
    expected = -model.log_prob(x).mean() / length
    torch.testing.assert_close(loss.double(), expected, atol=1e-5, rtol=1e-5)


def test_what_lies_in_the_context_is_not_scored():
    model, x = hierarchy([2], [2]), sound(2, 48)
    loss = model.likelihood_loss({"audio": x, "context": 16})["nll"]

    expected = torch.zeros(())
    heights = zip(model.hops, reversed(model.levels), reversed(model.read(x)), strict=True)
    told = [
        coder.tell(codes) for coder, codes in zip(model.coders, model.read(x)[-2::-1], strict=True)
    ]
    for (hop, level, symbols), condition in zip(heights, [*told, None], strict=True):
        log_prob = level.conditionals(level.render(symbols), condition).log_prob(symbols)
        expected = expected - log_prob[:, 16 // hop :].sum() / 2 / 32
    torch.testing.assert_close(loss, expected)


def test_without_gradients_a_long_sound_is_read_in_parts_and_scored_as_in_one():
    model, x = hierarchy([2], [2]), sound(1, 70_001)
    whole = model.parts(x)

    sizes = []
    for coder in model.coders:
        for part in (coder.encoder, coder.modulator):
            part.register_forward_hook(lambda *args: sizes.append(args[1][0].shape[-1]))
    with torch.no_grad():
        parts = model.parts(x)

    torch.testing.assert_close(parts, whole, atol=0, rtol=1e-6)
    assert len(sizes) == (2 + 1) + (3 + 2)  # encoders in parts of 65,536, modulators of 32,768
    assert max(sizes) < 66_000


def test_the_bound_never_exceeds_the_likelihood():
    """Of two samples of a bit each, all sounds and all codes are listed."""
    model = hierarchy([1], codes=2, bits=1)
    (coder,) = model.coders
    codes = torch.tensor(list(itertools.product(range(2), repeat=2)))
    levels = torch.tensor(list(itertools.product(range(2), repeat=2)))
    sounds = model.levels[-1].render(levels)

    prior = model.prior.log_prob(codes[:, None])
    joint = torch.stack([coder.likelihood(sounds, one.expand(4, -1)) for one in codes], 1) + prior
    exact = joint.logsumexp(1)

    assert float(exact.detach().exp().sum()) == pytest.approx(1, abs=1e-5)
    assert (model.log_prob(sounds) <= exact + 1e-6).all()


def test_identity_codes_leave_the_priors_likelihood():
    """With hop 1 and codes that are the levels, the decoder is certain and the prior says all."""
    model = hierarchy([1], codes=256)
    (coder,) = model.coders
    x = sound(2, 20)
    levels = coder.decoder.symbols(x)
    coder.encode = lambda _: levels
    coder.decoder.log_prob = lambda *_: torch.zeros(2)

    torch.testing.assert_close(model.log_prob(x), model.prior.log_prob(levels[:, None]))


def test_receptive_fields_grow_by_the_hops():
    model = hierarchy([2, 2], [2, 4])
    own = [coder.decoder.receptive_field for coder in model.coders]

    assert model.hops == [1, 4, 32]
    assert model.receptive_fields == [own[0], 4 * own[1], 32 * model.prior.receptive_field]
    assert model.context % 32 == 0
    assert model.context >= max(model.receptive_fields)


def test_the_prior_depends_on_as_many_codes_as_its_receptive_field_says():
    model = hierarchy([2], [2])
    reach, hop = model.prior.receptive_field, model.hops[-1]
    codes = torch.randint(8, (1, 1, reach + 4))
    last = model.prior.conditionals(codes).logits[0, -1]

    def moved(back):
        other = codes.clone()
        other[..., -1 - back] = (other[..., -1 - back] + 1) % 8
        return not torch.equal(model.prior.conditionals(other).logits[0, -1], last)

    assert moved(reach)
    assert not moved(reach + 1)
    assert model.receptive_fields[-1] == reach * hop


def learner_of(model, **shares):
    phases = list(model.phases())
    configs = {one.name: PhaseConfig(**shares) for one in phases}
    return Learner(model, phases, TrainingConfig(), configs, Processes(torch.device("cpu")))


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_codes_of_every_level_hear_the_margin_and_nothing_beyond():
    model = hierarchy([2, 2], [3], [2], codes=64)
    # By hand: encoders hear 3, 2 and 1 of their symbols beyond a code, of 1, 4 and 12 samples.
    assert model.margin == 3 + 2 * 4 + 12
    x, at = sound(8, 20 * model.hop), 10 * model.hop
    beyond = x.clone()
    beyond[..., at + model.hop + model.margin :] *= -1
    beyond[..., : at - model.margin] *= -1

    for one, other in zip(model.read(x), model.read(beyond), strict=True):
        step = x.shape[-1] // one.shape[1]
        own = slice(at // step, (at + model.hop) // step)
        assert torch.equal(one[:, own], other[:, own])
        assert not torch.equal(one, other)


def test_levels_below_stand_still_to_the_last_buffer():
    learner = learner_of(hierarchy([2], [2]))
    batch = {"audio": sound(2, 256), "context": 64}
    for _ in range(3):
        learner.step(lambda _: batch, 0.0)
    learner.step(lambda _: batch, 0.34)
    low = state_of(learner.model.autoencoders[0])
    for step in range(4):
        learner.step(lambda _: batch, 0.4 + 0.15 * step)

    after = learner.model.autoencoders[0].state_dict()
    assert all(torch.equal(value, after[name]) for name, value in low.items())
    averaged = learner.average.model.autoencoders[0].state_dict()
    assert all(torch.allclose(value, averaged[name]) for name, value in low.items())


def test_drawing_goes_down_the_levels_and_streams_in_engines():
    model = hierarchy([2], [2, 2])
    slow = model.sample(2, 40, generator=seeded(1))

    engine = compile_engine(model)
    drawn = engine.draw(engine.start(2), 40, generator=seeded(1))

    torch.testing.assert_close(engine.model.render(drawn.symbols), slow)
    assert slow.shape == (2, 1, 40)


def test_what_follows_from_the_level_below_is_not_set():
    with pytest.raises(ConfigError, match=r"autoencoders\[1\].bits follows from other settings"):
        hierarchy_with(second={"bits": 4})
    with pytest.raises(ConfigError, match="must be a power of two"):
        hierarchy([2], codes=12)
    with pytest.raises(ConfigError, match="system=wavenet will not do there: take vqvae"):
        hierarchy([2], autoencoders=[dict(WAVENET)])
    with pytest.raises(ConfigError, match="at least one autoencoder"):
        hierarchy([2], autoencoders=[])


def hierarchy_with(second):
    tables = [SMALL | {"strides": [2], "codes": 8, "decoder": dict(WAVENET)} for _ in range(2)]
    tables[1] |= {"input": "onehot"} | second
    settings = {"autoencoders": tables, "prior": dict(WAVENET)}
    return registry.from_settings("hierarchical_wavenet", settings)


def test_each_stage_lowers_what_is_said_of_a_sound_with_a_plan():
    """A square wave that comes and goes: codes tell when, and the prior learns how often."""
    torch.manual_seed(0)
    wave = torch.tensor([0.5, 0.5, -0.5, -0.5]).repeat(128)
    gate = torch.ones(4, 32).cumsum(0).remainder(2).flatten().repeat_interleave(4)
    x = (wave * gate).expand(16, 1, -1).clone() + 0.01 * torch.randn(16, 1, 512)
    model = registry.build("hierarchical_wavenet", "tiny")
    before = float(model.likelihood_loss({"audio": x})["nll"].detach())

    fitted = fit(model, {"audio": x}, steps=240, batch=8, learning_rate=5e-3)

    after = float(fitted.likelihood_loss({"audio": x})["nll"])
    assert after < before - 1
    codes = fitted.read(x)[0]
    assert float(-fitted.prior.log_prob(codes[:, None]).mean() / codes.shape[1]) < math.log(8)
