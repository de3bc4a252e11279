"""The sampler of gated stacks: the module's numbers, whatever the configuration."""

import pytest
import torch
from torch.distributions import Normal

from typica.core import registry
from typica.core.condition import Track
from typica.core.randomness import seeded
from typica.decoding.sampling import ancestral
from typica.engines.compile import compile_sampler

CONFIGURATIONS = [
    {},
    {"weight_norm": True},
    {"tied": True, "head": [8]},
    {"kernel": 3, "input_kernel": 2},
    {"kernel": 1},
    {"embedding": 6, "bias": False},
    {"output": "logistics", "input": "scalar", "quantiser": "linear", "bits": 16},
    {"output": "gaussian", "input": "scalar"},
    {"labels": 3},
    {"local": "roll", "local_channels": 5, "hop": 8, "upsampling": "learnt"},
    {"context_stacks": 1, "context_layers": 2, "context_pool": 4},
]


def build(settings):
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", **settings).requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.2 * torch.randn(parameter.shape)
    return model


def told(model, count):
    condition = {}
    if model.config.labels:
        condition["label"] = Track(torch.arange(count) % 3)
    if model.config.local:
        condition["roll"] = Track(torch.rand(count, 5, 260, generator=seeded(3)), 1000.0)
    return condition


def parameters(distribution):
    if isinstance(distribution, Normal):
        return torch.stack([distribution.loc, distribution.scale], -1)
    names = ("logits", "mean_", "log_scale")
    return torch.cat([getattr(distribution, n) for n in names if hasattr(distribution, n)], -1)


@pytest.mark.parametrize(
    ("settings", "batch", "length"),
    [(CONFIGURATIONS[0], 1, 2050), *((settings, 3, 250) for settings in CONFIGURATIONS)],
)
def test_every_step_has_the_numbers_of_the_module(settings, batch, length):
    model = build(settings)
    sampler = compile_sampler(model)
    audio = torch.rand(batch, 1, length, generator=seeded(1)) * 2 - 1
    symbols = model.symbols(audio)
    # After a prompt of 50, which the module reads.
    _, state = model.advance(symbols[:, :50], model.start(batch, told(model, batch)))
    expected, _ = model.advance(symbols[:, 50 : length - 1], state)

    stepped = []
    for time in range(50, length - 1):
        distribution, state = sampler.step(symbols[:, time], state)
        stepped.append(parameters(distribution))

    torch.testing.assert_close(torch.cat(stepped, 1), parameters(expected), atol=1e-4, rtol=1e-4)


def test_a_model_without_stacks_has_no_sampler():
    assert compile_sampler(torch.nn.Linear(2, 2)) is None


def test_compiling_leaves_the_module_as_it_was():
    model = build({"context_stacks": 1, "context_layers": 2, "context_pool": 4})
    before = ancestral(model, 1, 40, generator=seeded(1)).audio

    compile_sampler(model)

    assert torch.equal(ancestral(model, 1, 40, generator=seeded(1)).audio, before)


def test_what_is_drawn_with_it_is_as_likely_as_it_says():
    model = build({})
    drawn = ancestral(model, 2, 200, generator=seeded(1), sampler=compile_sampler(model))
    torch.testing.assert_close(
        drawn.log_prob, model.log_prob(drawn.audio).double(), atol=1e-2, rtol=1e-4
    )
