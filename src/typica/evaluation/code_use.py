"""What a discrete autoencoder makes of its codes: how many it uses, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.coder import DiscreteAutoencoder, perplexity
from typica.core.condition import Condition, to_device
from typica.core.model import Model
from typica.core.progress import SILENT, Progress
from typica.data.corpus import Corpus
from typica.data.stretch import Stretch


class CodeUse(NamedTuple):
    """How codes are used on held-out recordings; bits are bits a sample.

    Attributes:
        codes: How many different codes there are.
        used: How many of them occur.
        perplexity: Exponential of the entropy of their shares: 1 where one takes everything,
            `codes` where all are alike.
        rate: What codes cost under a uniform prior.
        told: What the decoder pays for recordings given their codes; the rate is not in it.
        untold: What it pays with zeros in place of codes.
    """

    codes: int
    used: int
    perplexity: float
    rate: float
    told: float
    untold: float

    @property
    def worth(self) -> float:
        """What the decoder pays less than with zeros.

        It never learnt from zeros: a decoder without codes would pay less than `untold`, so this is
        more than what the codes tell it, and may be more than `rate`.
        """
        return self.untold - self.told


@torch.no_grad()
def measure_codes(
    model: Model,
    corpus: Corpus,
    stretches: Sequence[Stretch],
    *,
    progress: Progress = SILENT,
) -> CodeUse | None:
    """Tell how a model uses its codes, or None for one that is no discrete autoencoder.

    Each stretch is coded and priced by itself, from silence.
    """
    if not isinstance(model, DiscreteAutoencoder):
        return None
    counts, told, untold = torch.zeros(model.codes, dtype=torch.int64), 0.0, 0.0
    with progress.task("looking at codes", total=len(stretches), unit="stretches") as task:
        for stretch in stretches:
            audio, condition = _read(model, corpus, stretch)
            codes = model.encode(audio)
            counts += torch.bincount(codes.flatten().cpu(), minlength=model.codes)
            told -= float(model.likelihood(audio, codes, condition))
            untold -= float(model.unaided(audio, condition))
            task.advance()
    samples = sum(stretch.length for stretch in stretches) * math.log(2)
    rate = int(counts.sum()) * math.log(model.codes) / samples
    used = int((counts > 0).sum())
    return CodeUse(model.codes, used, perplexity(counts), rate, told / samples, untold / samples)


def _read(model: Model, corpus: Corpus, stretch: Stretch) -> tuple[Tensor, Condition | None]:
    device = next(model.parameters()).device
    audio = corpus.audio(stretch.recording, stretch.start, stretch.stop)[None].to(device)
    if not model.needs:
        return audio, None
    names = tuple(model.needs)
    told = corpus.condition([stretch.recording], [stretch.start], audio.shape[-1], names)
    return audio, to_device(told, device)
