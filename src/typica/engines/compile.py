"""Turning a trained model into a fast sampler."""

from __future__ import annotations

import copy
from typing import cast

from torch import nn

from typica.core.model import AutoregressiveModel, Model
from typica.engines.gated import StackSampler
from typica.layers.gated import GatedStack


def compile_sampler(model: Model) -> AutoregressiveModel | None:
    """Return a sampler with the numbers of a model, or None where none is faster than itself.

    It is the model with its stacks exchanged for samplers of stacks, and shares all its other
    parts. Its `advance` and `step` consume the state that they are given. It begins from the
    model's own states: read a prompt with the model, then go on with the sampler.

    Args:
        model: On the CPU, in float32.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    if not (on_cpu and isinstance(model, AutoregressiveModel) and _holds_stack(model)):
        return None
    return cast(AutoregressiveModel, _exchange(model))


def _holds_stack(module: nn.Module) -> bool:
    return any(isinstance(inner, GatedStack) for inner in module.modules())


def _exchange(module: nn.Module) -> nn.Module:
    """Copy a module, not its parameters, with every stack in it exchanged."""
    if isinstance(module, GatedStack):
        return StackSampler(module)
    if not _holds_stack(module):
        return module
    copied = copy.copy(module)
    parts = module._modules.items()
    copied._modules = {n: inner if inner is None else _exchange(inner) for n, inner in parts}
    return copied
