"""Bits a sample of a model on held-out recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from typica.core.condition import to_device
from typica.core.model import ExplicitModel
from typica.core.progress import SILENT, Progress
from typica.data.corpus import Corpus
from typica.data.stretch import Stretch
from typica.evaluation.bits import Bits


@torch.no_grad()
def model_bits(
    model: ExplicitModel,
    corpus: Corpus,
    stretches: Sequence[Stretch],
    *,
    progress: Progress = SILENT,
) -> Bits:
    """Return what a model pays for stretches of recordings.

    Each stretch is priced given the samples before it: as many as the model's context, or as
    there are. For a model whose context is all that it sees, cutting changes nothing. Where a
    model gives a bound alone, a stretch is priced by itself: the difference of two bounds is none.
    """
    result = Bits("model", model.base_measure)
    with progress.task("scoring recordings", total=len(stretches), unit="stretches") as task:
        for stretch in stretches:
            bits = -_log_prob(model, corpus, stretch) / math.log(2)
            result.add(stretch.recording.id, stretch.length, bits)
            task.show(bits=result.mean.value)
            task.advance()
    return result


def _log_prob(model: ExplicitModel, corpus: Corpus, stretch: Stretch) -> float:
    """Return log p(stretch | its past), in nats, by the chain rule: of both less of the past."""
    device = next(model.parameters()).device
    begin = _begin(model, stretch.start)
    audio = corpus.audio(stretch.recording, begin, stretch.stop)[None].to(device)
    condition = None
    if model.needs:
        names = tuple(model.needs)
        condition = corpus.condition([stretch.recording], [begin], audio.shape[-1], names)
        condition = to_device(condition, device)
    log_prob = float(model.log_prob(audio, condition))
    if begin < stretch.start:
        log_prob -= float(model.log_prob(audio[..., : stretch.start - begin], condition))
    return log_prob


def _begin(model: ExplicitModel, start: int) -> int:
    """Return where reading begins: a context earlier, where the model may be cut."""
    context = model.context if model.density == "exact" else 0
    begin = max(0, start - context)
    return begin - begin % model.alignment
