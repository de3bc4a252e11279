"""How fit a model in training is: held-out bits, and for codes how evenly they are used."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.coder import CodedModel, perplexity
from typica.core.model import ExplicitModel
from typica.core.phase import Batch
from typica.training.held_out import held_out_bits
from typica.training.learner import Draw


class Fitness(NamedTuple):
    """What a model is worth on held-out batches.

    Attributes:
        value: What is compared: `weight` x log2(`perplexity`) - `bits`; the more the better.
        bits: Bits a sample, of the bound where the model has one.
        perplexity: Of the use of codes, of several levels the geometric mean; None for a model
            without any.
    """

    value: float
    bits: float
    perplexity: float | None = None


def fitness(
    model: ExplicitModel, draw: Draw, batches: int, device: torch.device, weight: float
) -> Fitness:
    """Judge a model in evaluation mode on batches 0, 1, ... of held-out crops.

    Args:
        model: Any with a density; how codes are used counts for a `CodedModel` alone.
        draw: Gives the batches.
        batches: How many.
        device: The model's.
        weight: Bits a sample that twice the perplexity is worth.
    """
    bits = held_out_bits(model, draw, batches, device)
    if not isinstance(model, CodedModel):
        return Fitness(-bits, bits)
    levels = [math.log2(perplexity(one)) for one in _counts(model, draw, batches, device)]
    used = sum(levels) / len(levels)
    return Fitness(weight * used - bits, bits, 2**used)


@torch.no_grad()
def _counts(model: CodedModel, draw: Draw, batches: int, device: torch.device) -> list[Tensor]:
    """Count the codes of held-out batches, their context's too: (codes,) for each coder."""
    counts = [torch.zeros(coder.codes, dtype=torch.int64) for coder in model.coders]
    for number in range(batches):
        batch, hop = draw(number), 1
        x = batch["audio"].to(device)
        for count, coder in zip(counts, model.coders, strict=True):
            x, hop = coder.encode(x)[:, None], hop * coder.hop
            codes = x[:, 0].cpu()
            count += torch.bincount(codes[_real(hop, batch, codes)], minlength=len(count))
    return counts


def _real(hop: int, batch: Batch, codes: Tensor) -> Tensor:
    """Tell which codes (batch, frames) stand for more than what pads a recording."""
    if "length" not in batch:
        return torch.ones_like(codes, dtype=torch.bool)
    samples = batch.get("context", 0) + batch["length"].cpu()
    return torch.arange(codes.shape[1]) * hop < samples[:, None]
