"""The kernel in numba: the numbers of the module, and the draws of the kernel in C++."""

import sys

import pytest
import torch
from gated_networks import CONFIGURATIONS, audio_of, build, parameters, told

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, MissingFeatureError
from typica.core.randomness import seeded
from typica.core.spread import spread
from typica.engines.compiler import compile
from typica.engines.gated import compiled_numba

pytest.importorskip("numba")

OUTPUTS = [{}, CONFIGURATIONS[11], CONFIGURATIONS[12], CONFIGURATIONS[-1]]


@pytest.mark.parametrize(
    ("settings", "count", "length"),
    [
        ({}, 1, 2050),
        (CONFIGURATIONS[5], 64, 40),
        (CONFIGURATIONS[-1], 17, 60),
        *((settings, 3, 150) for settings in CONFIGURATIONS),
    ],
    ids=str,
)
def test_every_step_has_the_numbers_of_the_module(settings, count, length):
    model = build(settings)
    condition = told(model, count)
    audio = audio_of(count, length + 50)
    engine = compile(model, backend="numba")
    state = engine.start(count, condition=condition, prompt=audio[..., :50])

    found, _ = engine.follow(model.symbols(audio)[:, 50:], state)

    expected = parameters(model.conditionals(audio, condition))[:, 50:]
    torch.testing.assert_close(parameters(found), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", OUTPUTS, ids=str)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_draws_are_those_of_the_kernel_in_cpp(settings, temperature):
    model = build(settings)
    engine, other = compile(model, backend="numba"), compile(model, backend="c++")
    state, condition = engine.start(3, condition=told(model, 3)), told(model, 3)

    drawn = engine.draw(state, 300, temperature=temperature, generator=seeded(1))
    expected = other.draw(
        other.start(3, condition=condition), 300, temperature=temperature, generator=seeded(1)
    )

    # A last digit that differs may tip a draw, and then all that follow it in that stream.
    found, wanted = model.render(drawn.symbols), model.render(expected.symbols)
    same = ((found - wanted).abs() < 1e-3).flatten(1).all(1)
    assert same.sum() >= 2
    torch.testing.assert_close(drawn.log_prob[same], expected.log_prob[same], atol=1e-2, rtol=1e-3)
    torch.testing.assert_close(drawn.log_draw[same], expected.log_draw[same], atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize(
    "settings", [{}, {"embedding": 6, "bias": False, "bits": 4}, CONFIGURATIONS[-1]], ids=str
)
def test_draws_are_as_likely_as_they_say(settings):
    model = build(settings)
    engine, condition = compile(model, backend="numba"), told(model, 3)
    state = engine.start(3, condition=condition)

    drawn = engine.draw(state, 150, temperature=0.8, generator=seeded(1), spread=True)

    conditionals = model.conditionals(model.render(drawn.symbols), condition)
    tempered = (conditionals.logits / 0.8).log_softmax(-1)
    log_draw = tempered.gather(-1, drawn.symbols[..., None])[..., 0]
    expected = (conditionals.log_prob(drawn.symbols), log_draw, *spread(conditionals))
    found = (drawn.log_prob, drawn.log_draw, drawn.entropy, drawn.varentropy)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("settings", OUTPUTS, ids=str)
def test_without_temperature_the_likeliest_is_taken(settings):
    model = build(settings)
    engine, steps, condition = compile(model, backend="numba"), StepEngine(model), told(model, 2)

    drawn = engine.draw(engine.start(2, condition=condition), 20, temperature=0)

    expected = steps.draw(steps.start(2, condition=condition), 20, temperature=0)
    torch.testing.assert_close(
        model.render(drawn.symbols), model.render(expected.symbols), atol=1e-3, rtol=0
    )
    assert (drawn.log_draw == 0).all()


@pytest.mark.parametrize("settings", OUTPUTS, ids=str)
@pytest.mark.parametrize("first", ["numba", "c++"])
def test_a_state_goes_on_in_the_other_engine(settings, first, tmp_path):
    model = build(settings)
    one = compile(model, backend=first)
    other = compile(model, backend="c++" if first == "numba" else "numba")
    state = one.start(2, condition=told(model, 2))
    state = one.draw(state, 77, generator=seeded(1)).state
    state.save(tmp_path / "state")

    found, _ = other.step(other.load(tmp_path / "state"))

    expected, _ = one.step(state)
    torch.testing.assert_close(parameters(found), parameters(expected), atol=1e-4, rtol=1e-4)


def test_threads_share_a_job():
    model = build(CONFIGURATIONS[-1])
    alone, shared = (compile(model, backend="numba", threads=threads) for threads in (1, 3))
    condition = told(model, 20)

    expected = alone.draw(alone.start(20, condition=condition), 60, generator=seeded(1))
    found = shared.draw(shared.start(20, condition=condition), 60, generator=seeded(1))

    assert torch.equal(found.symbols, expected.symbols)


def test_rounded_weights_are_refused_with_the_mend():
    with pytest.raises(ConfigError, match="float32 alone, not bfloat16: ask for weights=float32"):
        compile(build({}), backend="numba", weights="bfloat16")


def test_without_numba_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled_numba._compiled.cache_clear()
    with pytest.raises(MissingFeatureError, match=r"pip install 'typica\[numba\]'"):
        compile(build({}), backend="numba")


def test_compiled_code_is_kept_in_the_user_s_cache(monkeypatch, tmp_path):
    import numba

    monkeypatch.setenv("TYPICA_CACHE", str(tmp_path))
    compiled_numba._compiled.cache_clear()
    before = numba.config.CACHE_DIR

    compiled = compiled_numba._compiled()

    compiled_numba._compiled.cache_clear()
    assert str(tmp_path) in compiled.stats.cache_path
    assert before == numba.config.CACHE_DIR


def test_without_a_place_to_keep_it_every_process_compiles_for_itself(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TYPICA_CACHE", str(tmp_path / "file"))
    compiled_numba._compiled.cache_clear()

    compiled = compiled_numba._compiled()

    compiled_numba._compiled.cache_clear()
    assert compiled.stats.cache_path is None
