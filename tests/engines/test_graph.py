"""The steps of a CUDA graph, run one by one on the CPU: the module's numbers.

Recording and launching them as a graph needs a GPU, which the machines of the tests lack.
"""

import importlib.util
from pathlib import Path

import pytest
import torch

from typica.core.randomness import seeded
from typica.engines.compiler import compile

_SPEC = importlib.util.spec_from_file_location("gated", Path(__file__).with_name("test_gated.py"))
gated = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(gated)


@pytest.mark.parametrize("settings", gated.CONFIGURATIONS, ids=str)
def test_every_step_has_the_numbers_of_the_module(settings):
    model = gated.build(settings)
    condition, audio = gated.told(model, 3), gated.audio_of(3, 120)
    engine = compile(model, backend="graph")
    state = engine.start(3, condition=condition, prompt=audio[..., :50])

    found, _ = engine.follow(model.symbols(audio)[:, 50:], state)

    expected = gated.parameters(model.conditionals(audio, condition))[:, 50:]
    torch.testing.assert_close(gated.parameters(found), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0, 0.8])
@pytest.mark.parametrize("settings", gated.CONFIGURATIONS, ids=str)
def test_it_draws_what_the_compiled_engine_draws(settings, temperature, tmp_path):
    model = gated.build(settings)
    engine, other = compile(model, backend="graph"), compile(model, backend="c++")
    condition = gated.told(model, 2)
    one, two = (maker.start(2, condition=condition) for maker in (engine, other))

    for seed in (1, 2):
        drawn = engine.draw(one, 41, temperature=temperature, generator=seeded(seed))
        expected = other.draw(two, 41, temperature=temperature, generator=seeded(seed))
        one, two = drawn.state, expected.state

    audio, told = model.render(drawn.symbols), model.render(expected.symbols)
    # A draw on the edge of two levels may fall to either side, and all that follows with it.
    assert ((audio - told).abs() < 1e-3).double().mean() > 0.9
    drawn.state.save(tmp_path / "state")
    assert torch.equal(other.load(tmp_path / "state").previous, drawn.state.previous)
