"""The steps of a CUDA graph, run one by one on the CPU: the module's numbers.

Recording and launching them as a graph needs a GPU, which the machines of the tests lack.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from gated_networks import CONFIGURATIONS, audio_of, build, parameters, told

from typica.core.randomness import seeded
from typica.engines.compiler import compile
from typica.engines.gated import graph


@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=str)
def test_every_step_has_the_numbers_of_the_module(settings):
    model = build(settings)
    condition, audio = told(model, 3), audio_of(3, 120)
    engine = compile(model, backend="graph")
    state = engine.start(3, condition=condition, prompt=audio[..., :50])

    found, _ = engine.follow(model.symbols(audio)[:, 50:], state)

    expected = parameters(model.conditionals(audio, condition))[:, 50:]
    torch.testing.assert_close(parameters(found), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0, 0.8])
@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=str)
def test_it_draws_what_the_compiled_engine_draws(settings, temperature, tmp_path):
    model = build(settings)
    engine, other = compile(model, backend="graph"), compile(model, backend="c++")
    condition = told(model, 2)
    one, two = (maker.start(2, condition=condition) for maker in (engine, other))

    for seed in (1, 2):
        drawn = engine.draw(one, 41, temperature=temperature, generator=seeded(seed))
        expected = other.draw(two, 41, temperature=temperature, generator=seeded(seed))
        one, two = drawn.state, expected.state

    audio, wanted = model.render(drawn.symbols), model.render(expected.symbols)
    # A draw on the edge of two levels may fall to either side, and all that follows with it.
    assert ((audio - wanted).abs() < 1e-3).double().mean() > 0.9
    drawn.state.save(tmp_path / "state")
    assert torch.equal(other.load(tmp_path / "state").previous, drawn.state.previous)


def test_threads_may_share_an_engine(monkeypatch):
    model = build({})
    engine = compile(model, backend="graph")
    block = graph._Buffers._block

    def slowly(buffers, *told):
        time.sleep(0.005)  # the other thread comes in between blocks, if it can
        block(buffers, *told)

    monkeypatch.setattr(graph._Buffers, "_block", slowly)

    def draw(seed):
        return engine.draw(engine.start(1), 80, generator=seeded(seed)).symbols

    expected = [draw(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(draw, range(2)))

    assert torch.equal(torch.stack(found), torch.stack(expected))


def test_states_in_flight_do_not_meet():
    engine = compile(build({}), backend="graph")
    whole = [engine.draw(engine.start(1), 60, generator=seeded(seed)).symbols for seed in (1, 2)]

    states, generators = [engine.start(1) for _ in "ab"], [seeded(1), seeded(2)]
    parts = [[], []]
    for _ in range(3):
        for stream in range(2):
            drawn = engine.draw(states[stream], 20, generator=generators[stream])
            states[stream] = drawn.state
            parts[stream].append(drawn.symbols)

    assert all(torch.equal(torch.cat(p, 1), w) for p, w in zip(parts, whole, strict=True))
