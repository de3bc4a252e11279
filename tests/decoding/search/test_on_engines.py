"""Searches on WaveNets, by their own steps and compiled."""

import pytest
import torch
from gated_networks import audio_of, build, told

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.decoding.search.beam import beam_search
from typica.decoding.search.exact import exact_search
from typica.decoding.search.stochastic_beam import stochastic_beam
from typica.engines.compiler import compile as compiled

SETTINGS = [
    {},
    {"kernel": 3, "input_kernel": 2},
    {"labels": 3},
    {"local": "roll", "local_channels": 5, "hop": 8, "upsampling": "learnt"},
    {"context_stacks": 1, "context_layers": 2, "context_pool": 4},
    {"context_stacks": 2, "context_layers": 3, "context_pool": 3, "input_kernel": 3, "labels": 3},
    {"output": "logistics", "components": 3, "bits": 8},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_compiled_beam_finds_what_the_module_finds(settings):
    model = build(settings)
    condition, prompt = told(model, 2), audio_of(2, 50)
    found = []
    for engine in (StepEngine(model), compiled(model, threads=1)):
        state = engine.start(2, condition=condition, prompt=prompt)
        found.append(beam_search(engine, state, 40, width=6, spread=True))
    slow, fast = found
    assert torch.equal(slow.symbols, fast.symbols)
    assert torch.allclose(slow.log_prob, fast.log_prob, atol=1e-3)
    assert torch.allclose(slow.entropies, fast.entropies, atol=1e-3)
    assert torch.allclose(slow.varentropies, fast.varentropies, atol=1e-2)
    assert fast.stopped == ("length", "length")


def test_scores_are_those_of_the_model():
    model = build({})
    engine = compiled(model, threads=1)
    found = beam_search(engine, engine.start(1), 30, width=5)
    log_prob = model.log_prob(model.render(found.symbols))
    assert torch.allclose(found.log_prob, log_prob, atol=1e-3)
    drawn = stochastic_beam(engine, engine.start(1), 20, width=5, generator=seeded(1))
    log_prob = model.log_prob(model.render(drawn.symbols))
    assert torch.allclose(drawn.log_prob, log_prob, atol=1e-3)
    exact = exact_search(engine, engine.start(1), 2)
    wide = beam_search(engine, engine.start(1), 2, width=256, n_best=1)
    assert exact.stopped == ("proven",)
    assert exact.symbols.equal(wide.symbols)


def test_densities_and_fine_levels_are_refused():
    model = build({"output": "gaussian", "input": "scalar"})
    engine = StepEngine(model)
    with pytest.raises(ConfigError, match="Amplitude is a density over amplitudes"):
        beam_search(engine, engine.start(1), 2)
    model = build({"output": "logistics", "input": "scalar", "quantiser": "linear", "bits": 16})
    engine = StepEngine(model)
    with pytest.raises(ConfigError, match="has 65536 levels, more than 4096"):
        stochastic_beam(engine, engine.start(1), 2)
