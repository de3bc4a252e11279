"""On which device what lies: engines keep to `Engine`'s contract, whatever computes.

Torch's device "meta", which holds no values, shows where results lie on any machine; the tests
that compute on a GPU are skipped where there is none.
"""

import pytest
import torch
from gated_networks import CONFIGURATIONS, audio_of, build, parameters, told

from typica.core.condition import to_device
from typica.core.randomness import seeded
from typica.core.spread import spread
from typica.core.temperature import tempered
from typica.engines.compiler import compile
from typica.engines.cost import _divergence, precision_cost
from typica.engines.gated.engine import GatedEngine
from typica.layers.distributions import Amplitude, DiscretisedLogisticMixture, Levels
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import hear

OUTPUTS = [{"bits": 4}, CONFIGURATIONS[11] | {"bits": 4}, CONFIGURATIONS[12]]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("settings", OUTPUTS, ids=str)
@pytest.mark.parametrize("temperature", [0, 0.7])
def test_all_results_of_a_compiled_engine_lie_on_the_model_s_device(
    settings, temperature, monkeypatch
):
    engine = compile(build(settings), backend="c++")
    symbols = engine.model.symbols(audio_of(2, 9))
    monkeypatch.setattr(GatedEngine, "device", torch.device("meta"))

    distribution, state = engine.follow(symbols, engine.start(2))
    after, state = engine.step(state.then(symbols[:, 0]))
    results = [parameters(distribution), parameters(after)]
    if temperature or "output" not in settings:  # the others are drawn by steps, on real numbers
        results += engine.draw(state, 5, temperature=temperature, spread=True)[:-1]

    assert {one.device.type for one in results} == {"meta"}


def elsewhere(kind):
    """A distribution of batch shape (2, 3) on a device that refuses to meet the CPU's tensors."""
    levels, parts = torch.zeros(2, 3, 16, device="meta"), torch.zeros(2, 3, 4, device="meta")
    if kind == "categorical":
        return Levels(levels)
    if kind == "logistics":
        return DiscretisedLogisticMixture(parts, parts, parts, 16)
    return Amplitude(parts[..., 0], parts[..., 1])


@pytest.mark.parametrize("kind", ["categorical", "logistics", "gaussian"])
def test_what_is_computed_of_a_distribution_lies_where_it_does(kind):
    found = elsewhere(kind)

    results = [_divergence(found, found), *spread(found), parameters(tempered(found, 0.7))]

    assert {one.device.type for one in results} == {"meta"}


@needs_gpu
@pytest.mark.parametrize("backend", ["auto", "torch"])
@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=str)
def test_on_a_gpu_an_engine_has_the_numbers_that_the_module_has_on_a_cpu(
    settings, backend, tmp_path
):
    exact = build(settings)
    audio, condition = audio_of(3, 120), told(exact, 3)
    expected = parameters(exact.conditionals(audio, condition))[:, 50:]
    symbols = exact.symbols(audio)[:, 50:]
    engine = compile(build(settings).cuda(), backend=backend)

    state = engine.start(3, condition=condition, prompt=audio[..., :50])
    found, state = engine.follow(symbols, state)
    state.save(tmp_path / "state")
    again = engine.load(tmp_path / "state").pick([1])
    drawn = engine.draw(again, 40, generator=seeded(1, engine.device), spread=True)

    assert {one.device.type for one in (parameters(found), *drawn[:-1])} == {"cuda"}
    torch.testing.assert_close(parameters(found).cpu(), expected, atol=1e-3, rtol=1e-3)


@needs_gpu
@pytest.mark.parametrize("settings", [*OUTPUTS, CONFIGURATIONS[15]], ids=str)
def test_on_a_gpu_costs_are_measured_and_recordings_heard(settings):
    model = build(settings).cuda()
    engine, grid = compile(model), Grid(4000)
    audio, condition = audio_of(2, 300), told(model, 2)

    cost = precision_cost(engine, model, audio, condition)
    heard = hear(engine, audio_of(1, 2 * grid.tick)[0], grid, to_device(told(model, 1), "cpu"))

    assert abs(cost.bits) < 1e-3
    assert len(heard.totals) == 2
