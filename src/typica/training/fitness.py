"""How fit a model in training is: held-out bits, and for codes how evenly they are used."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.coder import DiscreteAutoencoder, perplexity
from typica.core.model import ExplicitModel
from typica.core.phase import Batch
from typica.training.held_out import held_out_bits
from typica.training.learner import Draw


class Fitness(NamedTuple):
    """What a model is worth on held-out batches.

    Attributes:
        value: What is compared: `weight` x log2(`perplexity`) - `bits`; the more the better.
        bits: Bits a sample, of the bound where the model has one.
        perplexity: Of the use of codes; None for a model without any.
    """

    value: float
    bits: float
    perplexity: float | None = None


def fitness(
    model: ExplicitModel, draw: Draw, batches: int, device: torch.device, weight: float
) -> Fitness:
    """Judge a model in evaluation mode on batches 0, 1, ... of held-out crops.

    Args:
        model: Any with a density; how codes are used counts for a `DiscreteAutoencoder` alone.
        draw: Gives the batches.
        batches: How many.
        device: The model's.
        weight: Bits a sample that twice the perplexity is worth.
    """
    bits = held_out_bits(model, draw, batches, device)
    if not isinstance(model, DiscreteAutoencoder):
        return Fitness(-bits, bits)
    used = perplexity(_count(model, draw, batches, device))
    return Fitness(weight * math.log2(used) - bits, bits, used)


@torch.no_grad()
def _count(model: DiscreteAutoencoder, draw: Draw, batches: int, device: torch.device) -> Tensor:
    """Count the codes of held-out batches, their context's too, (codes,)."""
    counts = torch.zeros(model.codes, dtype=torch.int64)
    for number in range(batches):
        batch = draw(number)
        codes = model.encode(batch[model.example].to(device)).cpu()
        counts += torch.bincount(codes[_real(model, batch, codes)], minlength=model.codes)
    return counts


def _real(model: DiscreteAutoencoder, batch: Batch, codes: Tensor) -> Tensor:
    """Tell which codes (batch, frames) stand for more than what pads a recording."""
    if "length" not in batch:
        return torch.ones_like(codes, dtype=torch.bool)
    samples = batch.get("context", 0) + batch["length"].cpu()
    return torch.arange(codes.shape[1]) * model.hop < samples[:, None]
