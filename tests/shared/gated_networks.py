"""Small gated networks of every kind, for the tests of whatever computes them."""

import torch
from torch.distributions import Normal

from typica.core import registry
from typica.core.condition import Track
from typica.core.randomness import seeded

CONFIGURATIONS = [
    {},
    {"weight_norm": True},
    {"tied": True, "head": [8]},
    {"head": []},
    {"head": [24, 40]},
    {"kernel": 3, "input_kernel": 2},
    {"kernel": 1},
    {"kernel": 4, "layers": 3, "stacks": 2, "channels": 20, "gate": 12, "skip": 72},
    {"embedding": 6, "bias": False},
    {"bits": 4},
    {"output": "logistics", "input": "scalar", "quantiser": "linear", "bits": 16},
    {"output": "logistics", "components": 3, "bits": 8},
    {"output": "gaussian", "input": "scalar"},
    {"labels": 3},
    {"local": "roll", "local_channels": 5, "hop": 8, "upsampling": "learnt"},
    {"local": "roll", "local_channels": 5, "hop": 8, "labels": 2, "kernel": 3},
    {"context_stacks": 1, "context_layers": 2, "context_pool": 4},
    {"context_stacks": 2, "context_layers": 3, "context_pool": 3, "input_kernel": 3, "labels": 3},
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
        condition["label"] = Track(torch.arange(count) % model.config.labels)
    if model.config.local:
        condition["roll"] = Track(torch.rand(count, 5, 320, generator=seeded(3)), 1000.0)
    return condition


def audio_of(count, length):
    return torch.rand(count, 1, length, generator=seeded(1)) * 2 - 1


def parameters(distribution):
    if isinstance(distribution, Normal):
        return torch.stack([distribution.loc, distribution.scale], -1)
    names = ("logits", "mean_", "log_scale")
    return torch.cat([getattr(distribution, n) for n in names if hasattr(distribution, n)], -1)
