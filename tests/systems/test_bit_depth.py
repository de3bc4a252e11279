"""Bits of sound in two parts: nothing is lost between them, and the parts add up."""

import itertools
import math

import pytest
import torch
from engine_checks import check_draws, check_picked, check_rounded, check_saved

from typica.core import registry
from typica.core.errors import ConfigError
from typica.core.model import BLOCK
from typica.core.randomness import seeded
from typica.core.spread import spread
from typica.core.temperature import most_likely, tempered
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile as compile_engine
from typica.layers.distributions import Levels, Refined
from typica.training.fit import fit

WAVENET = {"system": "wavenet", "stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 8}


def model_of(bits=4, first_bits=2, **settings):
    torch.manual_seed(0)
    small = {"bits": bits, "first_bits": first_bits, "first": dict(WAVENET), "last": dict(WAVENET)}
    small |= {"told_channels": 4, "told_layers": 2, "block": 5}
    model = registry.from_settings("bit_depth", small | settings)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("first_bits", [1, 8, 15])
def test_both_parts_together_are_every_16_bit_sample(first_bits):
    model = model_of(16, first_bits)
    x = torch.arange(-(1 << 15), 1 << 15)[None, None] / 2**15
    first, whole = model.read(x)

    assert torch.equal(whole[0], torch.arange(1 << 16))  # negatives too, in their order
    assert torch.equal(first, whole >> (16 - first_bits))
    assert int(first.max()) == (1 << first_bits) - 1
    span = model.quantiser.decode(whole).view(1 << first_bits, -1)
    heard = model.first.render(torch.arange(1 << first_bits)[None])[0, 0]
    torch.testing.assert_close(heard, span.mean(1), atol=2**-15, rtol=0)
    known = model.quantiser.decode(whole)
    assert torch.equal(model.last.render(model.last.symbols(known[:, None]))[:, 0], known)


@pytest.mark.parametrize("first_bits", [1, 2, 3])
def test_all_sounds_together_have_probability_one(first_bits):
    model = model_of(bits=4, first_bits=first_bits)
    levels = torch.tensor(list(itertools.product(range(16), repeat=2)))
    log_prob = model.log_prob(model.last.render(levels))
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-5)


def test_without_gradients_a_long_sound_is_told_in_parts_and_scored_as_in_one():
    model, told = model_of(), []
    x = model.quantiser.decode(torch.randint(16, (1, 1, BLOCK + 5_000), generator=seeded(0)))
    whole = model.log_prob(x)

    model.teller.register_forward_hook(lambda _, args, __: told.append(args[0].shape[1]))
    with torch.no_grad():
        parts = model.log_prob(x)

    torch.testing.assert_close(parts, whole, atol=0, rtol=1e-6)
    assert len(told) == 2
    assert max(told) <= BLOCK + 2 * model.teller.reach


def test_the_parts_add_up_to_the_whole():
    model = model_of()
    x = model.quantiser.decode(torch.randint(16, (3, 1, 40), generator=seeded(0)))
    torch.testing.assert_close(torch.stack(model.parts(x)).sum(0), model.log_prob(x))
    loss = float(model.likelihood_loss({"audio": x})["nll"])
    assert loss == pytest.approx(float(-model.log_prob(x).mean()) / 40, abs=1e-5)


def test_the_last_bits_hear_first_bits_of_the_future_and_no_others():
    model = model_of()
    levels = torch.randint(16, (1, 40), generator=seeded(0))

    def says(levels):
        x = model.quantiser.decode(levels)[:, None]
        told = model.tell(1, model.first.symbols(x))
        return model.last.conditionals(x, told).last.logits[0, 20]

    def changed(place, by):
        other = levels.clone()
        other[0, place] ^= by
        return not torch.equal(says(other), says(levels))

    reach = model.teller.reach
    assert changed(20 + 1, 0b0100)
    assert changed(20 + reach, 0b0100)
    assert not changed(20 + reach + 1, 0b0100)
    assert not changed(20, 0b0001)
    assert not changed(21, 0b0001)
    assert changed(19, 0b0001)


def test_without_last_bits_there_is_one_model():
    model = model_of(bits=4, first_bits=4)
    x = model.quantiser.decode(torch.randint(16, (2, 1, 30), generator=seeded(0)))

    assert len(model.phases()) == 1
    torch.testing.assert_close(model.log_prob(x), model.first.log_prob(x))
    drawn = model.sample(2, 30, generator=seeded(1))
    expected = model.first.sample(2, 30, generator=seeded(1))
    assert drawn.shape == expected.shape


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_drawn_is_as_likely_as_it_is_scored(compiled):
    model = model_of(block=3)
    engine = compile_engine(model) if compiled else model.steps()
    drawn = engine.draw(engine.start(2), 50, generator=seeded(1), spread=True)

    silence = torch.zeros(2, 1, model.context)
    x = torch.cat([silence, engine.model.render(drawn.symbols)], -1)
    first = model.first.symbols(x)
    last = model.last.conditionals(x, model.tell(1, first)).log_prob(model.last.symbols(x))
    # The end is told of no first bits beyond it, and neither was the end of the silence.
    near, far = model.context, model.teller.reach
    expected = last[:, near + silence.shape[-1] : -far]
    torch.testing.assert_close(drawn.log_prob[:, near:-far], expected, atol=1e-4, rtol=1e-4)


WAYS = ["ancestral", "temperature=0.7,nucleus=0.8", "mirostat=2", "greedy"]


@pytest.fixture(params=["first", "last"])
def level(request):
    """One of the two parts, and what it is told of 200 samples."""
    model = model_of(bits=8, first_bits=3)
    if request.param == "first":
        return model.first, {}
    return model.last, model.tell(1, torch.randint(8, (1, 200)).expand(3, -1))


def told(condition, count):
    return {name: one._replace(values=one.values[:count]) for name, one in condition.items()}


def test_compiled_bits_are_those_of_the_own_steps(level, tmp_path):
    model, condition = level
    check_draws(model, told(condition, 2), 60)
    check_picked(model, condition, 20, 40)
    check_saved(model, told(condition, 2), tmp_path / "state", 20, 40)


def test_bits_drawn_in_pieces_are_those_drawn_at_once(level):
    model, condition = level
    engine = compile_engine(model)
    whole = engine.draw(engine.start(3, condition=condition), 30, generator=seeded(1)).symbols

    state, generator, pieces = engine.start(3, condition=condition), seeded(1), []
    for length in (1, 7, 22):
        pieces.append(engine.draw(state, length, generator=generator))
        state = pieces[-1].state

    assert torch.equal(torch.cat([one.symbols for one in pieces], 1), whole)


@pytest.mark.parametrize("words", WAYS)
def test_an_engine_of_both_parts_draws_what_own_steps_draw(words, tmp_path):
    model = model_of(bits=8, first_bits=3)
    engine, steps = compile_engine(model, backend="c++"), model.steps()
    prompt = torch.rand(1, 1, 90) - 0.5
    way = {"temperature": 0} if words == "greedy" else {"strategy": strategy_from(words)}

    ends = [
        one.draw(one.start(2, prompt=prompt), 40, generator=seeded(1), **way)
        for one in (engine, steps)
    ]
    ends[0].state.save(tmp_path / "state")
    later = [one.draw(one.load(tmp_path / "state"), 30, temperature=0) for one in (engine, steps)]

    assert "C++" in engine.name
    assert torch.equal(ends[0].symbols, ends[1].symbols)
    assert torch.equal(later[0].symbols, later[1].symbols)
    torch.testing.assert_close(ends[0].log_prob, ends[1].log_prob, atol=1e-4, rtol=1e-4)


def test_weights_of_a_part_may_be_rounded():
    model = model_of(bits=8, first_bits=8).first
    check_rounded(model, (torch.rand(1, 1, 300) - 0.5) / 2, "bfloat16", 0.01)


def test_a_refined_distribution_is_one_over_whole_levels():
    torch.manual_seed(0)
    last = Levels(torch.randn(2, 3, 4).log_softmax(-1))
    first = torch.randint(4, (2, 3))
    refined = Refined(last, first, 2)
    every = torch.arange(16)[:, None, None].expand(16, 2, 3)

    assert torch.allclose(refined.log_prob(every).exp().sum(0), torch.ones(2, 3))
    assert torch.equal(most_likely(refined) >> 2, first)
    assert torch.equal(most_likely(refined) & 3, last.logits.argmax(-1))
    for one, other in zip(spread(refined), spread(last), strict=True):
        torch.testing.assert_close(one, other)
    assert torch.equal(refined.draw(seeded(0)) >> 2, first)
    cold = tempered(refined, 0.5)
    torch.testing.assert_close(
        cold.log_prob((first << 2) + 1), (last.logits / 0.5).log_softmax(-1)[..., 1]
    )


def test_untrained_it_knows_nothing():
    model = registry.build("bit_depth", "tiny")
    x = torch.rand(2, 1, 64) - 0.5
    nats = torch.stack(model.parts(x))[:, 0].detach()
    assert nats.tolist() == pytest.approx([-64 * 4 * math.log(2)] * 2, rel=1e-6)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="first_bits must be from 1 to model.bits=4"):
        model_of(4, 5)
    with pytest.raises(ConfigError, match="model.last.bits follows from other settings"):
        model_of(last=WAVENET | {"bits": 2})
    with pytest.raises(ConfigError, match="model.first.system=glow will not do there"):
        model_of(first={"system": "glow"})


def test_each_part_learns_what_it_can_know():
    """The first bits go up and down in steps of eight; the last are noise, but for one bit."""
    generator = seeded(0)
    first = torch.arange(256).div(8, rounding_mode="floor").remainder(2) * 2 + 1
    last = torch.randint(2, (32, 256), generator=generator) * 2 + first.div(2).long()
    levels = first * 4 + last
    model = registry.build("bit_depth", "tiny", bits=4, first_bits=2)
    x = model.quantiser.decode(levels)[:, None]

    fitted = fit(model, {"audio": x}, steps=150, batch=8, learning_rate=1e-2)

    bits = torch.stack(fitted.parts(x)).mean(1) / -256 / math.log(2)
    assert bits[0] < 0.4
    assert bits[1] == pytest.approx(1, abs=0.15)
