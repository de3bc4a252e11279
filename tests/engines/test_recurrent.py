"""The engine of recurrent tiers: the module's numbers, whatever the configuration."""

import pytest
import torch
from engine_checks import (
    check_alone,
    check_compiler_missing,
    check_draws,
    check_picked,
    check_rounded,
    check_saved,
    check_spread,
    check_strategy,
)

from typica.core import registry
from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.engine_state import map_tensors
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded
from typica.engines.compiler import compile

CONFIGURATIONS = {
    "two tiers": {"frames": [8]},
    "three tiers, of a width that is padded": {"width": 20},
    "four tiers, of frames that are no powers of 2": {"frames": [24, 12, 3], "layers": 2},
    "LSTM": {"cell": "lstm", "layers": 2},
    "skips": {"layers": 3, "skips": True, "width": 20},
    "LSTM with skips, without weight norm": {
        **{"cell": "lstm", "layers": 2, "skips": True, "weight_norm": False},
    },
    "amplitudes": {"embedding": 0},
    "independent": {"within": "independent"},
    "labels and few levels": {"labels": 3, "bits": 4},
}
settings_of_all = pytest.mark.parametrize(
    "settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys()
)


def build(settings, scale=0.2):
    torch.manual_seed(0)
    model = registry.build("samplernn", "tiny", **settings).requires_grad_(False)
    for parameter in model.parameters():
        parameter += scale * torch.randn(parameter.shape)
    return model


def told(model, count):
    labels = model.config.labels
    return {"label": Track(torch.arange(count) % labels)} if labels else {}


def noise(count, length):
    return torch.rand(count, 1, length, generator=seeded(1)) * 2 - 1


@settings_of_all
def test_every_step_has_the_numbers_of_the_module(settings):
    model = build(settings)
    audio, condition = noise(3, 150), told(model, 3)
    engine = compile(model, backend="c++")
    state = engine.start(3, condition=condition, prompt=audio[..., :37])

    found, _ = engine.follow(model.symbols(audio)[:, 37:], state)

    expected = model.conditionals(audio, condition).logits[:, 37:]
    torch.testing.assert_close(found.logits, expected, atol=1e-4, rtol=1e-4)


@settings_of_all
def test_draws_are_those_of_the_modules_own_steps(settings):
    model = build(settings)
    check_draws(model, told(model, 2), 60)


@settings_of_all
def test_a_state_is_that_of_the_module_wherever_a_block_ends(settings):
    model = build(settings)
    engine, steps = compile(model, backend="c++"), StepEngine(model)
    condition, symbols = told(model, 2), model.symbols(noise(2, 60))
    one, other = (engine.start(2, condition=condition), steps.start(2, condition=condition))

    for block in symbols.split([1, 1, 5, 9, 23, 21], 1):  # every phase of every tier
        _, one = engine.follow(block, one)
        _, other = steps.follow(block, other)

        found, expected = one.leave(), other.leave()
        assert found.inner.time == expected.inner.time
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        one = engine.enter(expected, "what the module left")


@pytest.mark.parametrize("words", ["nucleus=0.8", "typical=0.9,temperature=0.8", "mirostat=3"])
def test_strategies_choose_as_they_do_on_the_modules_steps(words):
    check_strategy(build({"width": 24}), words, 40)


def test_blocks_of_any_size_give_one_signal_and_leave_states_as_they_were():
    engine = compile(build({}), backend="c++")
    state = engine.start(2)
    before = state.leave()

    whole = engine.draw(state, 60, generator=seeded(1)).symbols
    generator, parts, now = seeded(1), [], state
    for length in (1, 7, 30, 22):
        drawn = engine.draw(now, length, generator=generator)
        parts, now = [*parts, drawn.symbols], drawn.state

    assert torch.equal(torch.cat(parts, 1), whole)
    torch.testing.assert_close(state.leave(), before, atol=0, rtol=0)


def test_streams_do_not_depend_on_how_many_there_are():
    check_alone(build({"layers": 2}), 30)


def test_streams_that_are_picked_go_on_as_themselves():
    model = build({"cell": "lstm", "layers": 2, "labels": 3})
    check_picked(model, told(model, 3), 21, 10)


def test_a_saved_state_goes_on_in_either_kind_of_engine(tmp_path):
    model = build({"cell": "lstm", "labels": 3})
    check_saved(model, told(model, 2), tmp_path / "state", 21, 20)


def test_a_state_that_does_not_fit_is_refused():
    model = build({})
    engine = compile(model, backend="c++")
    saved = engine.start(2).leave()
    wide = map_tensors(saved.inner, lambda one: torch.cat([one, one], -1))
    wrong = saved.inner._replace(heard=saved.inner.heard + 9999)
    mad = map_tensors(saved.inner, lambda one: one / 0 if one.is_floating_point() else one)

    for inner, sentence in (
        (wide, r"here does not fit this model: a part of it is \(2, 14\)"),
        (wrong, "here does not fit this model: it holds no classes below 256"),
        (mad, "here does not fit this model: it holds what is not a number"),
        (saved.inner._replace(tiers=()), "here does not fit this model: it holds other parts"),
    ):
        with pytest.raises(RunError, match=sentence):
            engine.enter(saved._replace(inner=inner), "here")


@pytest.mark.parametrize(("weights", "most"), [("bfloat16", 1e-3), ("int8", 1e-2)])
def test_rounded_weights_cost_what_their_bits_are_worth(weights, most):
    check_rounded(build({"width": 40, "layers": 2}), noise(2, 600), weights, most)


def test_spread_is_that_of_the_conditionals():
    check_spread(build({}))


def test_without_a_compiler_the_module_takes_its_own_steps(use_compiler):
    use_compiler("no-such-compiler")
    check_compiler_missing(build({}))


@pytest.mark.parametrize("backend", ["numba", "graph"])
def test_backends_that_there_are_not_are_refused(backend):
    with pytest.raises(ConfigError, match="there is no such engine of SampleRNN"):
        compile(build({}), backend=backend)
