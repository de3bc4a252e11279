"""Bits a sample on a small, fixed set of held-out crops."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from typica.core.carrying import CarryingModel
from typica.core.condition import to_device
from typica.core.model import ExplicitModel
from typica.core.phase import Batch
from typica.training.learner import own_randomness


@torch.no_grad()
def held_out_bits(
    model: ExplicitModel, draw: Callable[[int], Batch], batches: int, device: torch.device
) -> float:
    """Return the mean bits a sample over batches 0, 1, ... of held-out crops.

    They are of the model's base measure; the samples of a crop's context, and what pads a
    recording that is shorter than a crop, are not scored.
    """
    nats, samples, carried = 0.0, 0, None
    with own_randomness(device):
        torch.default_generator.manual_seed(0)  # a bound may draw noise: always the same
        for number in range(batches):
            batch = dict(draw(number))
            batch["audio"] = batch["audio"].to(device)
            if "condition" in batch:
                batch["condition"] = to_device(batch["condition"], device)
            scored = batch["audio"].shape[0] * (batch["audio"].shape[-1] - batch.get("context", 0))
            if "length" in batch:
                scored = int(batch["length"].sum())
                batch["length"] = batch["length"].to(device)
            if isinstance(model, CarryingModel):
                terms, carried = model.carried_loss(batch, carried)
            else:
                terms = model.likelihood_loss(batch)
            nats += float(terms["nll"]) * scored
            samples += scored
    return nats / samples / math.log(2)
