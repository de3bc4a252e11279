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


WRONG = {
    r"its symbols has shape \(2, 6\) and not \(2, 7\)": lambda s: s._replace(heard=s.heard[:, 1:]),
    "its symbols holds what is not from 0 to 255": lambda s: s._replace(heard=s.heard + 256),
    "its symbols is of torch.int32": lambda s: s._replace(heard=s.heard.int()),
    "its label is missing": lambda s: s._replace(label=None),
    "its label holds what is not from 0 to 2": lambda s: s._replace(label=s.label + 2),
    r"its hidden of tier 0 has shape \(2, 2, 8\)": lambda s: changed(
        s, hidden=lambda h: h[..., 8:]
    ),
    "its cell of tier 0 holds what is not a number": lambda s: changed(s, cell=lambda c: c / 0),
    "its cell of tier 0 is missing": lambda s: changed(s, cell=lambda _: None),
    "its words of tier 0 has shape": lambda s: changed(s, words=lambda w: w[:, 1:]),
    "of tier 1 is missing": lambda s: s._replace(tiers=s.tiers[:1]),
    "of tier 2 is too much": lambda s: s._replace(tiers=(*s.tiers, s.tiers[0])),
    "it has read -1 symbols": lambda s: s._replace(time=-1),
}


def changed(state, **changes):
    """Return a state of which some tensors of the first tier are others."""
    first, *others = state.tiers
    own = {name: change(getattr(first, name)) for name, change in changes.items()}
    return state._replace(tiers=(first._replace(**own), *others))


@pytest.mark.parametrize("sentence", WRONG)
def test_a_state_that_does_not_fit_is_refused(sentence):
    model = build({"cell": "lstm", "layers": 2, "labels": 3})
    engine = compile(model, backend="c++")
    saved = engine.start(2, condition=told(model, 2)).leave()
    wrong = saved._replace(inner=WRONG[sentence](saved.inner))

    with pytest.raises(RunError, match=f"here does not fit this model: .*{sentence}"):
        engine.enter(wrong, "here")


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
