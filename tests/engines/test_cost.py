"""What rounded weights cost: bits and divergences that agree, and nothing for nothing."""

import math

import pytest
import torch

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.engines.compiler import compile
from typica.engines.cost import PART, precision_cost

OUTPUTS = {
    "categorical": {"bits": 4},
    "logistics": {"output": "logistics", "components": 3, "bits": 4},
    "gaussian": {"output": "gaussian", "input": "scalar"},
}


def build(settings, coarse=False):
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", **settings).requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.2 * torch.randn(parameter.shape)
        if coarse:
            parameter.copy_((parameter * 8).round() / 8)
    return model


@pytest.mark.parametrize("output", ["categorical", "logistics"])
def test_on_the_model_s_own_samples_the_extra_bits_are_the_divergence(output):
    model, coarse = (build(OUTPUTS[output], coarse) for coarse in (False, True))
    engine = compile(model, backend="c++")
    audio = model.render(engine.draw(engine.start(8), 2000, generator=seeded(1)).symbols)

    cost = precision_cost(StepEngine(coarse), model, audio)

    assert cost.kl > 0.005
    assert abs(cost.bits - cost.kl / math.log(2)) < 4 * cost.error < cost.bits


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_divergence_is_that_of_the_distributions(output):
    model, coarse = (build(OUTPUTS[output], coarse) for coarse in (False, True))
    audio = torch.rand(2, 1, PART + 100, generator=seeded(1)) * 2 - 1

    cost = precision_cost(StepEngine(coarse), model, audio)

    true, rounded = model.conditionals(audio), coarse.conditionals(audio)
    symbols = model.symbols(audio)
    extra = (true.log_prob(symbols) - rounded.log_prob(symbols)).mean() / math.log(2)
    if output == "gaussian":
        ratio = true.scale / rounded.scale
        off = (true.loc - rounded.loc) / rounded.scale
        divergence = (-ratio.log() + (ratio**2 + off**2 - 1) / 2).mean()
    else:
        levels = torch.arange(16)[:, None, None]
        log_p, log_q = true.log_prob(levels), rounded.log_prob(levels)
        divergence = (log_p.exp() * (log_p - log_q)).sum(0).mean()
    assert cost.bits == pytest.approx(extra.item(), rel=1e-3)
    assert cost.kl == pytest.approx(divergence.item(), rel=1e-3)


def test_a_model_costs_nothing_against_itself():
    model = build({})
    audio = torch.rand(1, 1, 600, generator=seeded(1)) * 2 - 1

    assert precision_cost(StepEngine(model), model, audio) == (0, 0, 0)


def test_of_mixtures_over_many_levels_the_bits_alone_are_told():
    settings = {"output": "logistics", "input": "scalar", "quantiser": "linear", "bits": 16}
    model = build(settings)
    audio = torch.rand(1, 1, 100, generator=seeded(1)) * 2 - 1

    cost = precision_cost(StepEngine(build(settings, coarse=True)), model, audio)

    assert cost.kl is None
    assert cost.bits != 0
    assert cost.error is None


def test_no_audio_is_refused():
    model = build({})
    with pytest.raises(ConfigError, match="is measured on audio, and there is none"):
        precision_cost(StepEngine(model), model, torch.zeros(1, 1, 0))
